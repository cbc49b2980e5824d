/** Latencies of a load test: percentiles from a histogram's buckets, how sure they are, and the curve to draw. */

import { orderRanks } from "./binomial";

/** Nanoseconds. `buckets` are `[highest, count]`, ascending, sparse; tools without a histogram send `percentiles`. */
export interface Latency {
  min_ns?: number | null | undefined;
  max_ns?: number | null | undefined;
  mean_ns?: number | null | undefined;
  buckets?: readonly (readonly [number, number])[] | null | undefined;
  percentiles?: readonly (readonly [number, number])[] | null | undefined;
}

export const countIn = (latency: Latency): number => (latency.buckets ?? []).reduce((sum, [, count]) => sum + count, 0);

/** The value of the `rank`th smallest, from 1; a bucket's highest, and never more than the highest seen. */
export function valueAtRank(latency: Latency, rank: number): number | null {
  let before = 0;
  for (const [highest, count] of latency.buckets ?? []) {
    before += count;
    if (before >= rank) return Math.min(highest, latency.max_ns ?? Infinity);
  }
  return null;
}

/** A percentile (0 to 100) in ns: from buckets, else as the tool said it; null when neither has it. */
export function percentile(latency: Latency, p: number): number | null {
  const all = countIn(latency);
  if (all > 0) return valueAtRank(latency, rankOf(p, all));
  const said = latency.percentiles?.find(([of]) => of === p)?.[1];
  return said ?? (p === 100 ? (latency.max_ns ?? null) : p === 0 ? (latency.min_ns ?? null) : null);
}

/** Floating point must not make 99 % of 100 the hundredth. */
const rankOf = (p: number, all: number): number => Math.max(1, Math.ceil((p / 100) * all - 1e-9));

/** Ends in ns; an end that the data do not bound is null. */
export interface Interval {
  low: number | null;
  high: number | null;
}

/** 95 % confidence of a percentile by order statistics: no shape of the distribution is assumed. Null without buckets. */
export function interval(latency: Latency, p: number): Interval | null {
  const all = countIn(latency);
  if (all === 0) return null;
  const { low, high } = orderRanks(all, p / 100);
  return { low: low === null ? null : valueAtRank(latency, low), high: high === null ? null : valueAtRank(latency, high) };
}

export interface CurvePoint {
  /** 1 ÷ (1 − quantile): 2 is the median, 100 is p99. Drawn on a logarithmic scale. */
  odds: number;
  value: number;
  low: number | null;
  high: number | null;
}

const STEPS_PER_DECADE = 32;

export const oddsOf = (p: number): number => (p >= 100 ? Infinity : 100 / (100 - p));
export const percentOf = (odds: number): number => 100 - 100 / odds;

/** The whole distribution, from the least to the largest. */
export function curve(latency: Latency): CurvePoint[] {
  const all = countIn(latency);
  if (all === 0) {
    const said = (latency.percentiles ?? []).filter(([p]) => p < 100);
    return said.map(([p, value]) => ({ odds: oddsOf(p), value, low: null, high: null })).sort((x, y) => x.odds - y.odds);
  }
  // Past one in `all` there is nothing but the largest.
  const last = Math.log10(Math.max(all, 1));
  const steps = Math.max(1, Math.ceil(last * STEPS_PER_DECADE));
  const reader = ranksOf(latency);
  return Array.from({ length: steps + 1 }, (_, step) => {
    const odds = 10 ** ((last * step) / steps);
    const p = percentOf(odds);
    const { low, high } = orderRanks(all, p / 100);
    return { odds, value: reader(rankOf(p, all)), low: low === null ? null : reader(low), high: high === null ? null : reader(high) };
  });
}

/** Many ranks of one histogram: cumulative once, then by bisection. */
function ranksOf(latency: Latency): (rank: number) => number {
  const buckets = latency.buckets ?? [];
  let sum = 0;
  const upTo = buckets.map(([, count]) => (sum += count));
  const largest = latency.max_ns ?? Infinity;
  return (rank) => {
    let [from, to] = [0, buckets.length - 1];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((upTo[middle] ?? 0) >= rank) to = middle;
      else from = middle + 1;
    }
    return Math.min(buckets[from]?.[0] ?? 0, largest);
  };
}
