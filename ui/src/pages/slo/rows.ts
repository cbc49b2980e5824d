/** Pure shaping of an SLO's answers: what the page's pictures and sentences are made of. */

import type { Objective } from "@/api/slos";
import { isFiring, windowSeconds } from "@/components/slo/standing";
import { burnWord, type BurnWord } from "@/model/state";
import { risenAt, type Tally } from "@/model/statistics";
import { type Nanos, nanos, NS_PER_S } from "@/model/time";

export interface Bucket {
  at: Nanos;
  good: number;
  total: number;
}

export interface BurnPoint {
  at: Nanos;
  /** Share of the budget left at the end of the bucket. */
  left: number;
}

/** How the period's budget was spent, against the events that the whole period has by now: it ends at what is left. */
export function burnDown(buckets: readonly Bucket[], step: Nanos, whole: number, share: number, end: Nanos): BurnPoint[] {
  let bad = 0;
  const first = buckets[0];
  if (!first || whole * share <= 0) return [];
  return [{ at: first.at, left: 1 }, ...buckets.map((bucket) => {
    bad += bucket.total - bucket.good;
    return { at: nanos(bucket.at + step < end ? bucket.at + step : end), left: 1 - bad / (whole * share) };
  })];
}

/** Stretches between buckets in which nothing came, longer than `least`. */
export function silences(buckets: readonly Bucket[], step: Nanos, least: Nanos): { from: Nanos; to: Nanos }[] {
  return buckets.flatMap((bucket, index) => {
    const before = buckets[index - 1];
    if (!before) return [];
    const from = nanos(before.at + step);
    return bucket.at - from >= least ? [{ from, to: bucket.at }] : [];
  });
}

export interface Onset {
  at: Nanos;
  before: Tally;
  after: Tally;
}

/** Since when the ratio of bad events is higher, if it is. */
export function onsetOf(buckets: readonly Bucket[]): Onset | null {
  const change = risenAt(buckets.map(({ good, total }) => ({ bad: total - good, total })));
  const bucket = change ? buckets[change.index] : undefined;
  return change && bucket ? { at: bucket.at, before: change.before, after: change.after } : null;
}

/** The steepest falls of a burn-down that are worth a word: at most `most`, each at least `least` of the budget, apart from each other. Each is told at the point by which it was over. */
export function fallsOf(points: readonly BurnPoint[], within: number, least: number, most = 3): { index: number; fall: number }[] {
  const falls = points.map((point, index) => ({ index, fall: (points[Math.max(0, index - within)]?.left ?? 1) - point.left }));
  const chosen: { index: number; fall: number }[] = [];
  for (const fall of falls.filter((one) => one.fall >= least).sort((a, b) => b.fall - a.fall)) {
    if (chosen.length < most && chosen.every((other) => Math.abs(other.index - fall.index) > 3 * within)) chosen.push(fall);
  }
  return chosen.map(({ index }) => ended(points, Math.max(0, index - within), index)).sort((a, b) => a.index - b.index);
}

/** Of what a fall's last step adds: less is no part of it. */
const STEP_LEAST = 0.05;

/** A fall from `start`, without the steps at its end that hardly fall. */
function ended(points: readonly BurnPoint[], start: number, end: number): { index: number; fall: number } {
  const left = (index: number) => points[index]?.left ?? 1;
  let index = end;
  while (index > start + 1 && left(index - 1) - left(index) < STEP_LEAST * (left(start) - left(end))) index--;
  return { index, fall: left(start) - left(index) };
}

export interface TierRow {
  key: string;
  severity: string;
  long: string;
  short: string;
  threshold: number;
  /** Of the period's budget, spent over the long window at the threshold. */
  share: number;
  longBurn: number | null;
  shortBurn: number | null;
  longCounted: { bad: bigint; total: bigint };
  shortCounted: { bad: bigint; total: bigint };
  word: BurnWord | null;
  firing: boolean;
  held: boolean;
  since: Nanos | null;
  state: string;
}

export function tierRows(objective: Objective): TierRow[] {
  const status = objective.status;
  if (!status) return [];
  const period = Number(status.period.end - status.period.start) / 1e9;
  return status.burn_rates.map((tier) => {
    const alert = objective.alerts.find((one) => one.kind === "burn_rate" && one.severity === tier.severity && one.long_window === tier.long_window && one.short_window === tier.short_window);
    const measured = tier.long !== null && tier.long !== undefined && tier.short !== null && tier.short !== undefined;
    return {
      key: `${tier.severity} ${tier.long_window}/${tier.short_window}`,
      severity: tier.severity,
      long: tier.long_window,
      short: tier.short_window,
      threshold: tier.threshold,
      share: (tier.threshold * windowSeconds(tier.long_window)) / period,
      longBurn: tier.long ?? null,
      shortBurn: tier.short ?? null,
      longCounted: tier.long_counted,
      shortCounted: tier.short_counted,
      word: measured ? burnWord((tier.long ?? 0) >= tier.threshold, (tier.short ?? 0) >= tier.threshold) : null,
      firing: alert !== undefined && isFiring(alert),
      held: alert?.held_since !== null && alert?.held_since !== undefined && alert.level !== "inactive",
      since: alert?.since ?? null,
      state: tier.state,
    };
  });
}

/** A bucket of the burn-down: a round step that gives about 240 of them. */
export function bucketSeconds(period: Nanos): number {
  const steps = [10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
  const least = Number(period / NS_PER_S) / 260;
  return steps.find((step) => step >= least) ?? 86_400;
}
