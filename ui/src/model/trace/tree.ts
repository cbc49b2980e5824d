/**
 * A trace as columns: one place per span, parents before children, siblings by start, so that the span at `i` and all below
 * it are `i … i + size[i] − 1`. Columns travel between a worker and the page without being copied.
 */

import { type Nanos, nanos } from "../time";

export interface SpanIn {
  id: string;
  parent: string | null;
  service: string;
  name: string;
  kind: string;
  start: Nanos;
  duration: Nanos;
  error: boolean;
  /** Times of its events. */
  events: readonly Nanos[];
  links: number;
}

export interface LogIn {
  id: string;
  span: string | null;
  time: Nanos;
  severity: string;
  severityNumber: number;
  body: string;
  service: string;
}

export interface SegmentIn {
  span: string;
  start: Nanos;
  duration: Nanos;
}

export interface TraceIn {
  spans: readonly SpanIn[];
  logs: readonly LogIn[];
  path: readonly SegmentIn[];
}

export const FLAG = { error: 1, absent: 2, links: 4, errorBelow: 8, path: 16, pathBelow: 32, negative: 64 } as const;

export interface TraceLog {
  id: string;
  /** ns from the trace's start. */
  at: number;
  severity: string;
  severityNumber: number;
  body: string;
  service: string;
}

export interface TraceTree {
  /** Start of the earliest span or log record. */
  origin: Nanos;
  /** ns up to the end of the last span. */
  width: number;
  ids: string[];
  /** What `service` and `name` point into. */
  services: string[];
  names: string[];
  service: Int32Array;
  name: Int32Array;
  kind: Uint8Array;
  flags: Uint8Array;
  /** ns from `origin`. */
  start: Float64Array;
  /** ns, never negative here. */
  duration: Float64Array;
  /** ns not spent in children. */
  self: Float64Array;
  parent: Int32Array;
  depth: Int32Array;
  size: Int32Array;
  /** From 1, among the children of its parent, and how many these are. */
  position: Int32Array;
  siblings: Int32Array;
  /** Place in the answer's spans; −1 for a parent that is not stored. */
  source: Int32Array;
  /** Segments of the critical path of span `i`: `pathAt[i] … pathAt[i + 1] − 1`. */
  pathAt: Int32Array;
  pathStart: Float64Array;
  pathEnd: Float64Array;
  logAt: Int32Array;
  logs: TraceLog[];
  eventAt: Int32Array;
  events: Float64Array;
}

export const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"] as const;

export const has = (tree: TraceTree, span: number, flag: number): boolean => ((tree.flags[span] ?? 0) & flag) !== 0;
export const serviceOf = (tree: TraceTree, span: number): string => tree.services[tree.service[span] ?? 0] ?? "";
export const nameOf = (tree: TraceTree, span: number): string => tree.names[tree.name[span] ?? 0] ?? "";
export const at = (column: Float64Array | Int32Array | Uint8Array, index: number): number => column[index] ?? 0;

/** Parents that are not stored become spans of their own, so that their children stand together. */
interface Node {
  source: number;
  id: string;
  children: Node[];
  start: bigint;
  parented: boolean;
}

function nodesOf(spans: readonly SpanIn[]): Node[] {
  const nodes = spans.map((span, source): Node => ({ source, id: span.id, children: [], start: span.start, parented: false }));
  const byId = new Map<string, Node>();
  for (const node of nodes) {
    // A client's and a server's span may share an id: the server's is below the client's, and children are the server's.
    const twin = byId.get(node.id);
    const serverLast = twin === undefined || spans[node.source]?.kind === "server";
    if (twin && serverLast) adopt(twin, node);
    else if (twin) adopt(node, twin);
    if (serverLast) byId.set(node.id, node);
  }
  const absent = new Map<string, Node>();
  for (const node of nodes) {
    const id = spans[node.source]?.parent ?? null;
    if (id === null || node.parented || id === node.id) continue;
    let parent = byId.get(id) ?? absent.get(id);
    if (!parent) {
      parent = { source: -1, id, children: [], start: node.start, parented: false };
      absent.set(id, parent);
    }
    if (parent.source < 0 && node.start < parent.start) parent.start = node.start;
    adopt(parent, node);
  }
  return [...nodes, ...absent.values()];
}

function adopt(parent: Node, child: Node): void {
  parent.children.push(child);
  child.parented = true;
}

const byStart = (a: Node, b: Node) => (a.start < b.start ? -1 : a.start > b.start ? 1 : a.source - b.source);

/** Parents before children, by start; spans whose parents go round in a circle begin where the circle is entered. */
function inOrder(all: Node[]): { node: Node; parent: number; depth: number }[] {
  const out: { node: Node; parent: number; depth: number }[] = [];
  const seen = new Set<Node>();
  const enter = (root: Node) => {
    const open: { node: Node; parent: number; depth: number }[] = [{ node: root, parent: -1, depth: 0 }];
    for (let next = open.pop(); next; next = open.pop()) {
      if (seen.has(next.node)) continue;
      seen.add(next.node);
      const place = out.push(next) - 1;
      const children = next.node.children.sort(byStart);
      for (let i = children.length - 1; i >= 0; i--) {
        const child = children[i];
        if (child) open.push({ node: child, parent: place, depth: next.depth + 1 });
      }
    }
  };
  for (const root of all.filter((node) => !node.parented).sort(byStart)) enter(root);
  for (const node of all) if (!seen.has(node)) enter(node);
  return out;
}

/** Texts by number. */
function dictionary() {
  const places = new Map<string, number>();
  const texts: string[] = [];
  const place = (text: string) => {
    let found = places.get(text);
    if (found === undefined) {
      found = texts.push(text) - 1;
      places.set(text, found);
    }
    return found;
  };
  return { texts, place };
}

export function buildTree(trace: TraceIn): TraceTree {
  const { spans } = trace;
  const order = inOrder(nodesOf(spans));
  const n = order.length;
  const origin = spans.reduce((least, span) => (span.start < least ? span.start : least), spans[0]?.start ?? trace.logs[0]?.time ?? nanos(0));
  const offset = (time: bigint) => Number(time - origin);
  const [services, names] = [dictionary(), dictionary()];
  const tree: TraceTree = {
    origin, width: 0, ids: order.map(({ node }) => node.id), services: services.texts, names: names.texts,
    service: new Int32Array(n), name: new Int32Array(n), kind: new Uint8Array(n), flags: new Uint8Array(n),
    start: new Float64Array(n), duration: new Float64Array(n), self: new Float64Array(n),
    parent: new Int32Array(n), depth: new Int32Array(n), size: new Int32Array(n).fill(1), source: new Int32Array(n),
    position: new Int32Array(n), siblings: new Int32Array(n),
    pathAt: new Int32Array(n + 1), pathStart: new Float64Array(trace.path.length), pathEnd: new Float64Array(trace.path.length),
    logAt: new Int32Array(n + 1), logs: [], eventAt: new Int32Array(n + 1), events: new Float64Array(spans.reduce((sum, span) => sum + span.events.length, 0)),
  };
  let events = 0;
  order.forEach(({ node, parent, depth }, i) => {
    const span = spans[node.source];
    tree.parent[i] = parent;
    tree.depth[i] = depth;
    tree.source[i] = node.source;
    tree.service[i] = services.place(span?.service ?? "");
    tree.name[i] = names.place(span?.name ?? "");
    tree.start[i] = offset(node.start);
    tree.eventAt[i] = events;
    if (!span) {
      tree.flags[i] = FLAG.absent;
      return;
    }
    tree.kind[i] = Math.max(0, KINDS.indexOf(span.kind as (typeof KINDS)[number]));
    tree.duration[i] = Math.max(0, Number(span.duration));
    tree.flags[i] = (span.error ? FLAG.error : 0) | (span.links > 0 ? FLAG.links : 0) | (span.duration < 0n ? FLAG.negative : 0);
    for (const time of span.events) tree.events[events++] = offset(time);
    tree.width = Math.max(tree.width, at(tree.start, i) + at(tree.duration, i));
  });
  tree.eventAt[n] = events;
  placePath(tree, trace.path);
  placeLogs(tree, trace.logs);
  placeSiblings(tree);
  sumUp(tree);
  return tree;
}

/** Sorts `items` by the span they name, keeping their order: where each span's begin, and the items. */
function bySpan<T>(tree: TraceTree, items: readonly T[], idOf: (item: T) => string | null, starts: Int32Array, lost: number): T[] {
  const places = new Map(tree.ids.map((id, i) => [id, i]));
  const of = items.map((item) => places.get(idOf(item) ?? "") ?? lost);
  for (const place of of) if (place >= 0) starts[place + 1] = at(starts, place + 1) + 1;
  for (let i = 1; i < starts.length; i++) starts[i] = at(starts, i) + at(starts, i - 1);
  const next = starts.slice();
  const out = new Array<T>(at(starts, starts.length - 1));
  items.forEach((item, k) => {
    const place = of[k] ?? -1;
    if (place < 0) return;
    out[at(next, place)] = item;
    next[place] = at(next, place) + 1;
  });
  return out;
}

function placePath(tree: TraceTree, path: readonly SegmentIn[]): void {
  const placed = bySpan(tree, path, (segment) => segment.span, tree.pathAt, -1);
  placed.forEach((segment, k) => {
    tree.pathStart[k] = Number(segment.start - tree.origin);
    tree.pathEnd[k] = Number(segment.start - tree.origin + segment.duration);
  });
  for (let i = 0; i < tree.ids.length; i++) if (at(tree.pathAt, i + 1) > at(tree.pathAt, i)) tree.flags[i] = at(tree.flags, i) | FLAG.path;
}

/** Records that name no stored span stand under the first; without any span they are all there is. */
function placeLogs(tree: TraceTree, logs: readonly LogIn[]): void {
  const placed = tree.ids.length === 0 ? logs : bySpan(tree, logs, (log) => log.span, tree.logAt, 0);
  tree.logs = placed.map(({ id, time, severity, severityNumber, body, service }) => ({ id, at: Number(time - tree.origin), severity, severityNumber, body, service }));
}

function placeSiblings(tree: TraceTree): void {
  // One more place: roots are siblings of each other.
  const children = new Int32Array(tree.ids.length + 1);
  const slot = (i: number) => at(tree.parent, i) + 1;
  for (let i = 0; i < tree.ids.length; i++) tree.position[i] = children[slot(i)] = at(children, slot(i)) + 1;
  for (let i = 0; i < tree.ids.length; i++) tree.siblings[i] = at(children, slot(i));
}

/** What children add to their parents: sizes, errors below, and what is left of the parent's own time. */
function sumUp(tree: TraceTree): void {
  const covered = new Float64Array(tree.ids.length);
  const until = new Float64Array(tree.ids.length).fill(-Infinity);
  for (let i = 0; i < tree.ids.length; i++) {
    const parent = at(tree.parent, i);
    if (parent < 0) continue;
    // Siblings come by start, so what they cover together is known from where the last one ended.
    const [low, high] = [at(tree.start, parent), at(tree.start, parent) + at(tree.duration, parent)];
    const from = Math.max(low, at(until, parent), at(tree.start, i));
    const to = Math.min(high, at(tree.start, i) + at(tree.duration, i));
    if (to > from) covered[parent] = at(covered, parent) + to - from;
    until[parent] = Math.max(at(until, parent), to);
  }
  for (let i = tree.ids.length - 1; i >= 0; i--) {
    const flags = at(tree.flags, i);
    if (flags & FLAG.error) tree.flags[i] = at(tree.flags, i) | FLAG.errorBelow;
    if (flags & FLAG.path) tree.flags[i] = at(tree.flags, i) | FLAG.pathBelow;
    tree.self[i] = Math.max(0, at(tree.duration, i) - at(covered, i));
    const parent = at(tree.parent, i);
    if (parent < 0) continue;
    tree.size[parent] = at(tree.size, parent) + at(tree.size, i);
    tree.flags[parent] = at(tree.flags, parent) | (at(tree.flags, i) & (FLAG.errorBelow | FLAG.pathBelow));
    if (has(tree, parent, FLAG.absent)) tree.duration[parent] = Math.max(at(tree.duration, parent), at(tree.start, i) + at(tree.duration, i) - at(tree.start, parent));
  }
}

/** Buffers that may move to another thread instead of being copied. */
export const buffersOf = (tree: TraceTree): ArrayBuffer[] =>
  Object.values(tree).flatMap((value: unknown) => (ArrayBuffer.isView(value) ? [value.buffer as ArrayBuffer] : []));
