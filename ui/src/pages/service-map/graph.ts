/** The map as a graph: which part of it is shown, how edges look, how to walk along them. */

import type { Tone } from "@/model/state";

export interface Node {
  name: string;
  type: string;
  count: number;
  errors: number;
  rate_per_second: number;
}

export interface Edge {
  caller: string;
  callee: string;
  connection_type: string;
  instrumented: string;
  count: number;
  errors: number;
  rate_per_second: number;
  error_ratio: number;
}

export interface Graph<N extends Node = Node, E extends Edge = Edge> {
  nodes: N[];
  edges: E[];
}

export const edgeKey = (edge: Pick<Edge, "caller" | "callee">): string => `${edge.caller} → ${edge.callee}`;

/** From these shares of failed calls on an edge hurts, or is worth a look. */
const BAD = 0.01;
const WARN = 0.001;
/** Fewer calls than this say nothing about a share. */
const CALLS_MIN = 20;

export function edgeTone({ count, errors, error_ratio }: Pick<Edge, "count" | "errors" | "error_ratio">): Tone {
  if (errors === 0 || count < CALLS_MIN) return "none";
  return error_ratio >= BAD ? "bad" : error_ratio >= WARN ? "warn" : "none";
}

/** 1.5 px at a call a minute to 6 px at hundreds a second. */
export const edgeWidth = (perSecond: number): number => Math.min(6, Math.max(1, 1.5 + Math.log10(Math.max(perSecond, 0.02) * 10) * 0.9));

/** An edge's width is drawn, a self call is none. */
const isCall = (edge: Edge) => edge.caller !== edge.callee;

/** What is within `depth` calls of `focus`, in either direction. */
export function around<N extends Node, E extends Edge>(graph: Graph<N, E>, focus: readonly string[], depth: number): Graph<N, E> {
  const near = new Set(focus);
  for (let step = 0; step < depth; step++) {
    const edge = new Set(near);
    for (const { caller, callee } of graph.edges) {
      if (edge.has(caller)) near.add(callee);
      if (edge.has(callee)) near.add(caller);
    }
  }
  return within(graph, near);
}

function within<N extends Node, E extends Edge>(graph: Graph<N, E>, names: ReadonlySet<string>): Graph<N, E> {
  return { nodes: graph.nodes.filter((n) => names.has(n.name)), edges: graph.edges.filter((e) => names.has(e.caller) && names.has(e.callee) && isCall(e)) };
}

/** Where it hurts: ends of failing edges and services in a bad state. */
export function hurting(graph: Graph, tones: ReadonlyMap<string, Tone>): string[] {
  const names = new Set(graph.edges.filter((edge) => edgeTone(edge) === "bad").flatMap((edge) => [edge.caller, edge.callee]));
  for (const node of graph.nodes) if (["bad", "warn"].includes(tones.get(node.name) ?? "")) names.add(node.name);
  return [...names];
}

/** The part to draw, and whether it is all. */
export function shownOf<N extends Node, E extends Edge>(graph: Graph<N, E>, view: { focus: string; depth: number; show: "hurting" | "all" }, tones: ReadonlyMap<string, Tone>): Graph<N, E> & { hidden: number } {
  const all = within(graph, new Set(graph.nodes.map((n) => n.name)));
  const sick = hurting(graph, tones);
  const part = view.focus !== "" ? around(graph, [view.focus], view.depth) : view.show === "hurting" && sick.length > 0 ? around(graph, sick, 1) : all;
  return { ...part, hidden: all.nodes.length - part.nodes.length };
}

/** Over this many nodes, services become their namespaces. */
export const NODES_MAX = 60;

/** Services of a namespace as one node; calls within it vanish. A service without a namespace goes by its name up to the first dash or dot. */
export function grouped(graph: Graph, namespaces: ReadonlyMap<string, string>): Graph {
  const groupOf = (name: string) => namespaces.get(name) ?? /^[^-._/]+/.exec(name)?.[0] ?? name;
  const nodes = new Map<string, Node>();
  for (const node of graph.nodes) {
    const name = groupOf(node.name);
    const before = nodes.get(name);
    if (before) nodes.set(name, { ...before, count: before.count + node.count, errors: before.errors + node.errors, rate_per_second: before.rate_per_second + node.rate_per_second });
    else nodes.set(name, { name, type: node.type, count: node.count, errors: node.errors, rate_per_second: node.rate_per_second });
  }
  const edges = new Map<string, Edge>();
  for (const edge of graph.edges) {
    const [caller, callee] = [groupOf(edge.caller), groupOf(edge.callee)];
    if (caller === callee) continue;
    const key = edgeKey({ caller, callee });
    const before = edges.get(key);
    const count = (before?.count ?? 0) + edge.count;
    const errors = (before?.errors ?? 0) + edge.errors;
    edges.set(key, { ...edge, caller, callee, count, errors, error_ratio: count === 0 ? 0 : errors / count, rate_per_second: (before?.rate_per_second ?? 0) + edge.rate_per_second });
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

export type Direction = "callee" | "caller" | "next" | "previous";

/** The node an arrow key leads to: along the busiest edge, or to the next of those that share a caller. */
export function walk(graph: Graph, from: string, direction: Direction): string {
  const busiest = (edges: Edge[]) => [...edges].sort((a, b) => b.rate_per_second - a.rate_per_second || (a.callee < b.callee ? -1 : 1));
  if (!graph.nodes.some((node) => node.name === from)) return busiest(graph.edges)[0]?.caller ?? graph.nodes[0]?.name ?? "";
  const out = busiest(graph.edges.filter((edge) => edge.caller === from));
  const into = busiest(graph.edges.filter((edge) => edge.callee === from));
  if (direction === "callee") return out[0]?.callee ?? from;
  if (direction === "caller") return into[0]?.caller ?? from;
  const caller = into[0]?.caller;
  const siblings = caller === undefined ? graph.nodes.filter((n) => !graph.edges.some((e) => e.callee === n.name)).map((n) => n.name) : busiest(graph.edges.filter((edge) => edge.caller === caller)).map((edge) => edge.callee);
  const at = siblings.indexOf(from);
  const step = direction === "next" ? 1 : -1;
  return siblings[(at + step + siblings.length) % siblings.length] ?? from;
}

/** `checkout → payments fails 2.41 % of 19 calls/s`: the sentence above the map. */
export function worstEdge<E extends Edge>(edges: readonly E[]): E | null {
  return [...edges].filter((edge) => edgeTone(edge) === "bad").sort((a, b) => b.error_ratio - a.error_ratio || b.count - a.count)[0] ?? null;
}
