/** Change points: where in a range something became worse, and how sure that is. */

export interface Step {
  /** The first bucket after the change. */
  index: number;
  before: number;
  after: number;
  /** Corrected for having looked at every bucket. */
  p: number;
  /** The first bucket in which it was over again; `after` is then what it was until there. Null while it goes on, and for levels. */
  end?: number | null;
}

/** Below this, a change is no accident. */
const P_MAX = 0.001;
/** Buckets on either side of a change. */
const SIDE_MIN = 3;
/** How much worse it must be to be told. */
const RATIO_FACTOR = 2;
const LEVEL_FACTOR = 1.5;
/** Failing is over when not more than this share of it is left. */
const OVER_SHARE = 0.1;

export interface Outcome {
  bad: number;
  total: number;
}

/** Where the share of bad events stepped up, and where it was over again, if it was. */
export function ratioStep(buckets: readonly Outcome[]): Step | null {
  const up = stepUp(buckets, SIDE_MIN);
  if (!up) return null;
  const over = recovery(buckets, up.index, up.before);
  return { ...up, end: over?.end ?? null, after: over?.during ?? up.after };
}

/** Where the share of bad events, high from `from` on, fell back to about what it was before; null while it has not. */
export function recovery(buckets: readonly Outcome[], from: number, before: number): { end: number; during: number } | null {
  const backwards = buckets.slice(from).reverse();
  const fall = stepUp(backwards, 1);
  if (!fall || fall.before > Math.max(before * RATIO_FACTOR, fall.after * OVER_SHARE)) return null;
  return { end: buckets.length - fall.index, during: fall.after };
}

/** By two proportions at every place, with `sideMin` buckets at least after it. */
function stepUp(buckets: readonly Outcome[], sideMin: number): Step | null {
  const all = sum(buckets);
  let best: (Step & { z: number }) | null = null;
  let left: Outcome = { bad: 0, total: 0 };
  buckets.forEach((bucket, index) => {
    const right = { bad: all.bad - left.bad, total: all.total - left.total };
    if (index >= SIDE_MIN && index <= buckets.length - sideMin && left.total > 0 && right.total > 0) {
      const [before, after] = [left.bad / left.total, right.bad / right.total];
      const pooled = all.bad / all.total;
      const z = (after - before) / Math.sqrt(pooled * (1 - pooled) * (1 / left.total + 1 / right.total) || 1);
      if (right.bad >= 5 && after >= before * RATIO_FACTOR && z > (best?.z ?? 0)) best = { index, before, after, z, p: 1 };
    }
    left = { bad: left.bad + bucket.bad, total: left.total + bucket.total };
  });
  return told(best, buckets.length);
}

/** Where a level (a quantile per bucket) became half as high again; by ranks, so that one spike is none. */
export function levelStep(values: readonly (number | null)[]): Step | null {
  const known = values.flatMap((value, index) => (value === null ? [] : [{ value, index }]));
  if (known.length < SIDE_MIN * 2) return null;
  const ranks = ranksOf(known.map((one) => one.value));
  const n = known.length;
  let best: (Step & { z: number }) | null = null;
  let rankSum = 0;
  for (let at = 1; at <= n - SIDE_MIN; at++) {
    rankSum += ranks[at - 1] ?? 0;
    if (at < SIDE_MIN) continue;
    const expected = (at * (n + 1)) / 2;
    const z = (expected - rankSum) / Math.sqrt((at * (n - at) * (n + 1)) / 12);
    if (z <= (best?.z ?? 0)) continue;
    const before = median(known.slice(0, at).map((one) => one.value));
    const after = median(known.slice(at).map((one) => one.value));
    if (after >= before * LEVEL_FACTOR) best = { index: known[at]?.index ?? 0, before, after, z, p: 1 };
  }
  return told(best, n);
}

function told(best: (Step & { z: number }) | null, looks: number): Step | null {
  if (!best) return null;
  const { z, ...step } = best;
  const p = Math.min(1, upperTail(z) * looks);
  return p < P_MAX ? { ...step, p } : null;
}

const sum = (buckets: readonly Outcome[]): Outcome => buckets.reduce((a, b) => ({ bad: a.bad + b.bad, total: a.total + b.total }), { bad: 0, total: 0 });

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** Ranks from 1; what is equal shares the mean of its ranks. */
function ranksOf(values: readonly number[]): number[] {
  const order = values.map((value, index) => ({ value, index })).sort((a, b) => a.value - b.value);
  const ranks = new Array<number>(values.length).fill(0);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (order[to + 1]?.value === order[from]?.value && to + 1 < order.length) to++;
    for (let i = from; i <= to; i++) ranks[order[i]?.index ?? 0] = (from + to) / 2 + 1;
    from = to + 1;
  }
  return ranks;
}

/** P(Z > z) of the normal distribution (Abramowitz and Stegun 26.2.17: off by less than 1e-7 where it matters). */
export function upperTail(z: number): number {
  if (z < 0) return 1 - upperTail(-z);
  if (z > 8) return 0;
  const t = 1 / (1 + 0.2316419 * z);
  const polynomial = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
}
