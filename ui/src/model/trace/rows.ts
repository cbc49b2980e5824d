/** The rows that are shown of a trace: spans whose parents are open, their log records, runs of siblings alike as one. */

import { at, FLAG, has, type TraceTree } from "./tree";

/** Above this many spans, only errors and the critical path are open at first. */
export const LARGE = 2000;
/** So many siblings alike in a row become one. */
const ALIKE = 4;

export const ROW = { span: 0, log: 1, alike: 2, expected: 3 } as const;

/** Siblings next to each other with the same service and name, none of them failed: `first … end − 1` with what is below them. */
export interface Alike {
  first: number;
  end: number;
  count: number;
  shortest: number;
  longest: number;
  total: number;
}

/** A span that calls such as these have, but this trace has not. */
export interface Expected {
  /** Below this span. */
  parent: number;
  service: string;
  name: string;
  /** Why it is expected, and since when it is silent. */
  why: string;
}

export interface Folds {
  /** 1 where a span's children are hidden. */
  folded: Uint8Array;
  /** First spans of runs that are shown one by one. */
  unfolded: ReadonlySet<number>;
}

export interface Rows {
  kind: Uint8Array;
  /** A span, a place in `logs`, the first span of a run, or a place in `expected`. */
  of: Int32Array;
  /** The span that a log record belongs to; else as `of`. */
  span: Int32Array;
  /** Upper edge in px, and one more: the height of all. */
  top: Float64Array;
  count: number;
}

/** Runs of siblings alike, by their first span. */
export function alikeOf(tree: TraceTree): Map<number, Alike> {
  const runs = new Map<number, Alike>();
  for (let parent = 0; parent < tree.ids.length; parent++) {
    const end = parent + at(tree.size, parent);
    for (let child = parent + 1; child < end; ) {
      const run = runFrom(tree, child, end);
      if (run.count >= ALIKE) runs.set(child, run);
      child = run.end;
    }
  }
  return runs;
}

/** The siblings like `first`, from it on; itself alone where it failed. */
function runFrom(tree: TraceTree, first: number, end: number): Alike {
  const run: Alike = { first, end: first, count: 0, shortest: Infinity, longest: 0, total: 0 };
  const calm = (i: number) => !has(tree, i, FLAG.errorBelow | FLAG.absent);
  for (let k = first; k < end; k = run.end) {
    if (k > first && (tree.name[k] !== tree.name[first] || tree.service[k] !== tree.service[first] || !calm(first) || !calm(k))) break;
    run.end = k + at(tree.size, k);
    run.count++;
    run.shortest = Math.min(run.shortest, at(tree.duration, k));
    run.longest = Math.max(run.longest, at(tree.duration, k));
    run.total += at(tree.duration, k);
  }
  return run;
}

/** What is open when a trace is opened: all, or of a large one the way to errors and along the critical path. */
export function initialFolds(tree: TraceTree): Folds {
  const folded = new Uint8Array(tree.ids.length);
  if (tree.ids.length > LARGE) {
    for (let i = 0; i < folded.length; i++) folded[i] = at(tree.size, i) > 1 && !opensAtFirst(tree, i) ? 1 : 0;
  }
  return { folded, unfolded: new Set() };
}

/** Whether something below a span has failed or is on the critical path. */
function opensAtFirst(tree: TraceTree, span: number): boolean {
  const end = span + at(tree.size, span);
  for (let child = span + 1; child < end; child += at(tree.size, child)) {
    if (has(tree, child, FLAG.errorBelow | FLAG.pathBelow)) return true;
  }
  return false;
}

export interface RowsOptions {
  folds: Folds;
  alike: ReadonlyMap<number, Alike>;
  logs: boolean;
  expected: readonly Expected[];
  rowHeight: number;
  logHeight: number;
}

/** What is still to come of an open span: children and log records, by time. */
interface Frame {
  span: number;
  child: number;
  end: number;
  log: number;
  logEnd: number;
}

export function rowsOf(tree: TraceTree, options: RowsOptions): Rows {
  const { folds, alike, expected } = options;
  const n = tree.ids.length;
  const most = n + tree.logs.length + expected.length;
  const rows: Rows = { kind: new Uint8Array(most), of: new Int32Array(most), span: new Int32Array(most), top: new Float64Array(most + 1), count: 0 };
  const missing = new Map<number, number[]>();
  expected.forEach((one, place) => missing.set(one.parent, [...(missing.get(one.parent) ?? []), place]));
  let y = 0;
  const push = (kind: number, of: number, span: number) => {
    const row = rows.count++;
    rows.kind[row] = kind;
    rows.of[row] = of;
    rows.span[row] = span;
    rows.top[row] = y;
    y += kind === ROW.log ? options.logHeight : options.rowHeight;
  };
  const open: Frame[] = [{ span: -1, child: 0, end: n, log: 0, logEnd: 0 }];
  for (let frame = open.at(-1); frame; frame = open.at(-1)) {
    const { span, child, end, log, logEnd } = frame;
    if (log < logEnd && (child >= end || (tree.logs[log]?.at ?? 0) < at(tree.start, child))) {
      push(ROW.log, log, span);
      frame.log++;
    } else if (child < end) {
      const run = alike.get(child);
      const together = run !== undefined && !folds.unfolded.has(child);
      push(together ? ROW.alike : ROW.span, child, child);
      frame.child = together ? run.end : child + at(tree.size, child);
      if (!together) open.push(frameOf(tree, child, at(folds.folded, child) === 1, options.logs));
    } else {
      open.pop();
      // What is expected below a span comes after all that is there.
      if (span < 0 || at(folds.folded, span) === 0) for (const place of missing.get(span) ?? []) push(ROW.expected, place, span);
    }
  }
  rows.top[rows.count] = y;
  return rows;
}

function frameOf(tree: TraceTree, span: number, folded: boolean, logs: boolean): Frame {
  const end = folded ? span + 1 : span + at(tree.size, span);
  const log = at(tree.logAt, span);
  return { span, child: span + 1, end, log, logEnd: logs ? at(tree.logAt, span + 1) : log };
}

/** The first row that reaches below `y`. */
export function rowAt(rows: Rows, y: number): number {
  let [low, high] = [0, rows.count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at(rows.top, middle + 1) <= y) low = middle + 1;
    else high = middle;
  }
  return Math.min(low, Math.max(0, rows.count - 1));
}

/** The row that shows a span itself; −1 where it is folded away. */
export function rowOfSpan(rows: Rows, span: number): number {
  for (let row = 0; row < rows.count; row++) if (rows.kind[row] !== ROW.log && rows.kind[row] !== ROW.expected && rows.of[row] === span) return row;
  return -1;
}

/** Opens whatever hides a span. */
export function reveal(tree: TraceTree, folds: Folds, alike: ReadonlyMap<number, Alike>, span: number): Folds {
  const folded = folds.folded.slice();
  const unfolded = new Set(folds.unfolded);
  for (let up = at(tree.parent, span); up >= 0; up = at(tree.parent, up)) folded[up] = 0;
  for (const run of alike.values()) if (run.first <= span && span < run.end) unfolded.add(run.first);
  return { folded, unfolded };
}
