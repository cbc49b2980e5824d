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
  /** Middles of what is written at `from → to`. */
  labels: Record<string, Point>;
}

/** Room for what is written at an edge: the same for all, so that a figure that grows moves nothing. */
export const LABEL = { width: 48, height: 16 };
const MARGIN = 12;

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);

/** The same graph is always laid the same: whatever the order of rows, a refresh moves nothing. */
export function layoutOf({ boxes, edges }: LayoutRequest): Layout {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 18, ranksep: 8 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const box of [...boxes].sort(byId)) graph.setNode(box.id, { width: box.width, height: box.height });
  for (const { from, to } of [...edges].sort((a, b) => (a.from + "\u0000" + a.to < b.from + "\u0000" + b.to ? -1 : 1))) graph.setEdge(from, to, { ...LABEL, labelpos: "c" });
  layout(graph);
  const drawn = edges.map(({ from, to }) => ({ key: `${from} → ${to}`, ...(graph.edge(from, to) as Partial<Point> & { points?: Point[] }) }));
  // Its own size leaves out edges, which may swing around the outermost box.
  const corners = [
    ...boxes.flatMap(({ id, width, height }) => cornersOf(graph.node(id) as Partial<Point>, { width, height })),
    ...drawn.flatMap((edge) => [...(edge.points ?? []), ...cornersOf(edge, LABEL)]),
  ];
  const [left, top] = [Math.min(...corners.map(({ x }) => x)), Math.min(...corners.map(({ y }) => y))];
  const moved = ({ x = 0, y = 0 }: Partial<Point>): Point => ({ x: Math.round(x - left) + MARGIN, y: Math.round(y - top) + MARGIN });
  const end = corners.length === 0 ? { x: 0, y: 0 } : moved({ x: Math.max(...corners.map(({ x }) => x)), y: Math.max(...corners.map(({ y }) => y)) });
  return {
    width: end.x + MARGIN, height: end.y + MARGIN,
    boxes: Object.fromEntries(boxes.map(({ id }) => [id, moved(graph.node(id) as Partial<Point>)])),
    edges: Object.fromEntries(drawn.map(({ key, points = [] }) => [key, points.map(moved)])),
    labels: Object.fromEntries(drawn.map((edge) => [edge.key, moved(edge)])),
  };
}

const cornersOf = ({ x = 0, y = 0 }: Partial<Point>, { width, height }: { width: number; height: number }): Point[] =>
  [{ x: x - width / 2, y: y - height / 2 }, { x: x + width / 2, y: y + height / 2 }];

/** A map wider than the room shrinks to this to fit, then scrolls: under it boxes are too small for text that is grown against the shrinking. */
export const SCALE_MIN = 0.72;
const STRETCH_MAX = 1.8;

/** The same map, drawn out downwards to use a room that is higher than it. */
export function stretched(layout: Layout, room: { width: number; height: number }): Layout {
  const scale = Math.min(1, Math.max(SCALE_MIN, room.width / Math.max(1, layout.width)));
  const by = Math.min(STRETCH_MAX, Math.max(1, room.height / scale / Math.max(1, layout.height)));
  const down = ({ x, y }: Point): Point => ({ x, y: Math.round(y * by) });
  const all = <T, U>(of: Record<string, T>, each: (one: T) => U) => Object.fromEntries(Object.entries(of).map(([key, one]) => [key, each(one)]));
  // Boxes keep their height: an edge's ends stay where they touch them.
  const touching = (box: Point | undefined, end: Point): Point => (box ? { x: end.x, y: down(box).y + end.y - box.y } : down(end));
  const edges = Object.fromEntries(Object.entries(layout.edges).map(([key, points]) => {
    const [from = "", to = ""] = key.split(" → ");
    return [key, points.map((point, index) => (index === 0 ? touching(layout.boxes[from], point) : index === points.length - 1 ? touching(layout.boxes[to], point) : down(point)))];
  }));
  return { width: layout.width, height: Math.round(layout.height * by), boxes: all(layout.boxes, down), edges, labels: all(layout.labels, down) };
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
