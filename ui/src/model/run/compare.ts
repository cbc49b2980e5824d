/** Two runs against each other: by how much a percentile or a share of errors differs, how sure that is, and in words. */

import { wilson } from "../statistics";
import { durationMs, group, MINUS, ratio, significant, THIN } from "../units";
import { countIn, interval, type Latency, percentile } from "./latency";

export interface Ratio {
  before: number;
  after: number;
  /** After ÷ before. */
  factor: number;
  /** 95 % interval of the factor; null where there are no buckets, or the data do not bound it. */
  low: number | null;
  high: number | null;
}

/**
 * How a percentile changed. Each run's interval is by order statistics; the two are joined on a logarithmic scale by the method of
 * variance estimates recovery (square and add), which keeps their asymmetry.
 */
export function ratioOf(before: Latency, after: Latency, p: number): Ratio | null {
  const [a, b] = [percentile(before, p), percentile(after, p)];
  if (a === null || b === null || a <= 0) return null;
  const [sureA, sureB] = [interval(before, p), interval(after, p)];
  const change = Math.log(b / a);
  const part = (from: number | null | undefined, to: number | null | undefined) => (from === null || from === undefined || to === null || to === undefined || from <= 0 || to <= 0 ? null : Math.log(to / from));
  const side = (one: number | null, other: number | null, sign: 1 | -1) => (one === null || other === null ? null : Math.exp(change + sign * Math.hypot(one, other)));
  return { before: a, after: b, factor: b / a, low: side(part(sureB?.low, b), part(a, sureA?.high), -1), high: side(part(b, sureB?.high), part(sureA?.low, a), 1) };
}

export type Verdict = "more" | "less" | "no different" | "not known";

export function verdictOf({ low, high }: Pick<Ratio, "low" | "high">, same = 1): Verdict {
  if (low !== null && low > same) return "more";
  if (high !== null && high < same) return "less";
  return low === null || high === null ? "not known" : "no different";
}

export interface Errors {
  errors: number;
  requests: number;
}

export interface Difference {
  before: number;
  after: number;
  /** After − before, and its 95 % interval. */
  difference: number;
  low: number;
  high: number;
}

/** How the share of errors changed: Newcombe's interval from two of Wilson's. */
export function differenceOf(before: Errors, after: Errors): Difference | null {
  if (before.requests <= 0 || after.requests <= 0) return null;
  const [a, b] = [before.errors / before.requests, after.errors / after.requests];
  const [[lowA, highA], [lowB, highB]] = [wilson(before.errors, before.requests), wilson(after.errors, after.requests)];
  const difference = b - a;
  return { before: a, after: b, difference, low: difference - Math.hypot(b - lowB, highA - a), high: difference + Math.hypot(highB - b, a - lowA) };
}

/** `+18 %`, `−7 %`, `+0.4 %`. */
export function percentChange(factor: number): string {
  const change = (factor - 1) * 100;
  const size = Math.abs(change) >= 10 ? String(Math.round(Math.abs(change))) : significant(Number(Math.abs(change).toFixed(1)), 2);
  return `${change < 0 ? MINUS : "+"}${size}${THIN}%`;
}

const bare = (factor: number): string => `${factor < 1 ? MINUS : ""}${Math.abs((factor - 1) * 100).toFixed(Math.abs(factor - 1) < 0.095 ? 1 : 0)}`;
/** `11–26 %`; with signs when they differ. */
const between = (low: number, high: number): string => {
  const [a, b] = [bare(low), bare(high)];
  const signed = low < 1 && high > 1 ? `${a} to +${b}` : low < 1 ? `${a} to ${b}` : `${a}–${b}`;
  return `${signed}${THIN}%`;
};

const ms = (ns: number) => durationMs(ns / 1e6);
/** `241 → 284 ms`: the unit once when it is the same. */
export function fromTo(before: string, after: string): string {
  const [unitA, unitB] = [before.split(THIN).at(-1), after.split(THIN).at(-1)];
  return unitA === unitB && before.includes(THIN) ? `${before.slice(0, before.lastIndexOf(THIN))} → ${after}` : `${before} → ${after}`;
}

export function latencyWords(change: Ratio | null, name: string): string {
  if (change === null) return `${name} cannot be compared`;
  const values = fromTo(ms(change.before), ms(change.after));
  if (change.low === null && change.high === null) return `${name} ${percentChange(change.factor)} (${values}; how sure is not known without a histogram)`;
  if (change.low === null || change.high === null) {
    const side = change.low === null ? `at most ${percentChange(change.high ?? 1)}` : `at least ${percentChange(change.low)}`;
    return `${name} ${percentChange(change.factor)} (${values}, 95${THIN}% sure of ${side})`;
  }
  const sure = `95${THIN}% interval ${between(change.low, change.high)}`;
  return verdictOf(change) === "no different" ? `${name} no different (${values}, ${sure})` : `${name} ${percentChange(change.factor)} (${values}, ${sure})`;
}

const points = (share: number): string => (Math.abs(share) * 100).toFixed(Math.abs(share) < 0.001 ? 3 : 2);

export function errorWords(change: Difference | null): string {
  if (change === null) return "error ratio not known";
  if (verdictOf(change, 0) === "no different") return change.before === change.after ? `error ratio no different (${ratio(change.after)})` : `error ratio no different (${fromTo(ratio(change.before), ratio(change.after))})`;
  const sign = change.difference < 0 ? MINUS : "+";
  const [least, most] = change.difference < 0 ? [change.high, change.low] : [change.low, change.high];
  return `error ratio ${sign}${points(change.difference)} points (${fromTo(ratio(change.before), ratio(change.after))}, 95${THIN}% interval ${points(least)}–${points(most)})`;
}

export interface Measured extends Errors {
  latency: Latency;
}

/** `p99 +18 % (241 → 284 ms, 95 % interval 11–26 %); error ratio no different (0)`. */
export const comparison = (before: Measured, after: Measured, p = 99): string =>
  `${latencyWords(ratioOf(before.latency, after.latency, p), `p${p}`)}; ${errorWords(differenceOf(before, after))}`;

/** What the intervals stand on: `of 12 000 and 11 800 requests`. */
export const basis = (before: Measured, after: Measured): string =>
  `of ${group(countIn(before.latency) || before.requests)} and ${group(countIn(after.latency) || after.requests)} requests, taken as independent of each other`;
