/** What can be said of a trace from its tree: where to look first, who owned the time, what is alike, what a search finds. */

import { at, FLAG, has, nameOf, serviceOf, type TraceTree } from "./tree";

/** The deepest failed span on the critical path, else the deepest failed, else the first. Of equally deep ones the longest. */
export function firstToSee(tree: TraceTree): number {
  let best = 0;
  let score = -1;
  for (let i = 0; i < tree.ids.length; i++) {
    if (!has(tree, i, FLAG.error)) continue;
    const mine = at(tree.depth, i) * 2 + 1 + (has(tree, i, FLAG.path) ? 1e6 : 0);
    if (mine > score || (mine === score && at(tree.duration, i) > at(tree.duration, best))) {
      best = i;
      score = mine;
    }
  }
  return best;
}

/** Failed spans, in the order of rows. */
export const errorsOf = (tree: TraceTree): number[] => indexes(tree, (i) => has(tree, i, FLAG.error));

function indexes(tree: TraceTree, fits: (span: number) => boolean): number[] {
  const out: number[] = [];
  for (let i = 0; i < tree.ids.length; i++) if (fits(i)) out.push(i);
  return out;
}

/** Spans whose service, name or id hold every word. */
export function find(tree: TraceTree, typed: string): number[] {
  const words = typed.toLowerCase().split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) return [];
  // Of texts there are few: each is looked at once.
  const fits = (texts: string[]) => words.map((word) => texts.map((text) => text.toLowerCase().includes(word)));
  const [services, names] = [fits(tree.services), fits(tree.names)];
  return indexes(tree, (i) => words.every((word, w) => services[w]?.[at(tree.service, i)] || names[w]?.[at(tree.name, i)] || (word.length >= 4 && (tree.ids[i] ?? "").startsWith(word))));
}

export interface Owner {
  service: string;
  /** ns of the critical path. */
  time: number;
  share: number;
}

/** Each moment of the critical path belongs to one span; summed up by service, the most first. */
export function ownersOf(tree: TraceTree): Owner[] {
  const times = new Map<string, number>();
  let all = 0;
  for (let i = 0; i < tree.ids.length; i++) {
    const time = pathTime(tree, i);
    if (time === 0) continue;
    const service = serviceOf(tree, i);
    times.set(service, (times.get(service) ?? 0) + time);
    all += time;
  }
  return [...times].map(([service, time]) => ({ service, time, share: all === 0 ? 0 : time / all })).sort((a, b) => b.time - a.time);
}

/** ns that the trace waited for a span itself. */
export function pathTime(tree: TraceTree, span: number): number {
  let time = 0;
  for (let k = at(tree.pathAt, span); k < at(tree.pathAt, span + 1); k++) time += at(tree.pathEnd, k) - at(tree.pathStart, k);
  return time;
}

export interface Operation {
  service: string;
  name: string;
  spans: number;
  errors: number;
  total: number;
  self: number;
  longest: number;
  path: number;
  /** The longest of them. */
  example: number;
}

/** Spans by service and name. */
export function operationsOf(tree: TraceTree): Operation[] {
  const all = new Map<string, Operation>();
  for (let i = 0; i < tree.ids.length; i++) {
    if (has(tree, i, FLAG.absent)) continue;
    const key = `${at(tree.service, i)} ${at(tree.name, i)}`;
    let one = all.get(key);
    if (!one) all.set(key, (one = { service: serviceOf(tree, i), name: nameOf(tree, i), spans: 0, errors: 0, total: 0, self: 0, longest: -1, path: 0, example: i }));
    one.spans++;
    if (has(tree, i, FLAG.error)) one.errors++;
    one.total += at(tree.duration, i);
    one.self += at(tree.self, i);
    one.path += pathTime(tree, i);
    if (at(tree.duration, i) > one.longest) {
      one.longest = at(tree.duration, i);
      one.example = i;
    }
  }
  return [...all.values()].sort((a, b) => b.path - a.path || b.self - a.self);
}

/**
 * By how much a callee's clock may be off for its spans to lie inside of the calls: from, to; null where nothing fits all calls.
 * Half of the width is the bound of an offset judged by these calls.
 */
export function clockBound(tree: TraceTree, service: string): { low: number; high: number } | null {
  let [low, high] = [-Infinity, Infinity];
  for (let i = 0; i < tree.ids.length; i++) {
    const parent = at(tree.parent, i);
    if (parent < 0 || serviceOf(tree, i) !== service || serviceOf(tree, parent) === service || has(tree, parent, FLAG.absent)) continue;
    low = Math.max(low, at(tree.start, parent) - at(tree.start, i));
    high = Math.min(high, at(tree.start, parent) + at(tree.duration, parent) - at(tree.start, i) - at(tree.duration, i));
  }
  return low <= high && Number.isFinite(low) && Number.isFinite(high) ? { low, high } : null;
}

/** A service's clock that seems to be off: ns to add to its times, and how far that may be wrong either way; null where no one offset fits all calls. */
export interface Clock {
  service: string;
  offset: number;
  bound: number | null;
}

export const clocksOf = (tree: TraceTree, skews: readonly { service: string; offset: bigint }[]): Map<string, Clock> =>
  new Map(skews.map(({ service, offset }) => {
    const fits = clockBound(tree, service);
    return [service, { service, offset: Number(offset), bound: fits && (fits.high - fits.low) / 2 }];
  }));

/** From the first start to the last end, were all clocks right, and how far its length may be wrong (null where that is not known); durations are as they are. */
export function correctedExtent(tree: TraceTree, clocks: ReadonlyMap<string, Clock>): Window & { bound: number | null } {
  // As the offsets say, and if they were wrong so that all is as long, as short, as it may be.
  const [said, longest, shortest] = [0, 1, -1].map((sign) => {
    let [from, to] = [Infinity, -Infinity];
    for (let i = 0; i < tree.ids.length; i++) {
      if (has(tree, i, FLAG.absent)) continue;
      const clock = clocks.get(serviceOf(tree, i));
      const [start, off] = [at(tree.start, i) + (clock?.offset ?? 0), sign * (clock?.bound ?? 0)];
      from = Math.min(from, start - off);
      to = Math.max(to, start + at(tree.duration, i) + off);
    }
    return { from, to };
  }) as [Window, Window, Window];
  const length = (window: Window) => window.to - window.from;
  const isKnown = [...clocks.values()].every((clock) => clock.bound !== null);
  return { ...said, bound: isKnown ? Math.max(length(longest) - length(said), length(said) - length(shortest)) : null };
}

/** `12, 3.1–4.0 ms`: places on a lane, as shares of the window that is shown. */
export interface Window {
  from: number;
  to: number;
}

export const left = (window: Window, time: number): number => (time - window.from) / Math.max(1, window.to - window.from);
