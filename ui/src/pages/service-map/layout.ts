/** Places of boxes and bends of edges, left to right. Pure; runs in a worker. */

import { graphlib, layout } from "@dagrejs/dagre";

export interface LayoutRequest {
  boxes: { id: string; width: number; height: number }[];
  edges: { from: string; to: string }[];
}

export interface Point {
  x: number;
  y: number;
}

export interface Layout {
  width: number;
  height: number;
  /** Middles. */
  boxes: Record<string, Point>;
  /** Bends of `from → to`, ends at the boxes' borders. */
  edges: Record<string, Point[]>;
}

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);

/** The same graph is always laid the same: whatever the order of rows, a refresh moves nothing. */
export function layoutOf({ boxes, edges }: LayoutRequest): Layout {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 22, ranksep: 46, marginx: 8, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const box of [...boxes].sort(byId)) graph.setNode(box.id, { width: box.width, height: box.height });
  for (const { from, to } of [...edges].sort((a, b) => (a.from + "\u0000" + a.to < b.from + "\u0000" + b.to ? -1 : 1))) graph.setEdge(from, to, {});
  layout(graph);
  const size = graph.graph() as { width?: number; height?: number };
  const place = (id: string): Point => {
    const { x = 0, y = 0 } = graph.node(id) as Partial<Point>;
    return { x: Math.round(x), y: Math.round(y) };
  };
  return {
    width: Math.ceil(size.width ?? 0), height: Math.ceil(size.height ?? 0),
    boxes: Object.fromEntries(boxes.map(({ id }) => [id, place(id)])),
    edges: Object.fromEntries(edges.map(({ from, to }) => [`${from} → ${to}`, (graph.edge(from, to) as { points?: Point[] }).points ?? []])),
  };
}

/** A smooth line through bends. */
export function pathOf(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  const last = rest.pop();
  if (!last) return "";
  let d = `M${first.x} ${first.y}`;
  rest.forEach((bend, index) => {
    const next = rest[index + 1] ?? last;
    const end = index === rest.length - 1 ? last : { x: (bend.x + next.x) / 2, y: (bend.y + next.y) / 2 };
    d += `Q${bend.x} ${bend.y} ${end.x} ${end.y}`;
  });
  return rest.length === 0 ? `${d}L${last.x} ${last.y}` : d;
}
