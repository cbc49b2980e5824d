/** What services did in a range: one entry per service, its buckets on one grid. */

import { earlier } from "./against";
import { type Range, stepFor } from "./range";
import { type Nanos, NS_PER_S, nanos } from "./time";
import { rate } from "./units";

/** One row of rollups; `at` null is the whole range. */
export interface TrafficRow {
  service: string;
  /** Whether these are requests (server and consumer spans), or the other spans. */
  is_request: boolean;
  at: Nanos | null;
  count: number;
  errors: number;
  p50: number | null;
  p99: number | null;
}

export interface Bucket {
  count: number;
  errors: number;
  /** ns; null where nothing was measured. */
  p50: number | null;
  p99: number | null;
}

export interface Traffic {
  service: string;
  counted: "requests" | "spans";
  count: number;
  errors: number;
  perSecond: number;
  errorRatio: number;
  p50: number | null;
  p99: number | null;
  /** One per time of the grid; null once the service has gone silent, and before it was first heard. */
  buckets: (Bucket | null)[];
  /** When it was last heard, if that is three times longer ago than it usually takes. */
  silentSince: Nanos | null;
}

export interface Grid {
  range: Range;
  step: Nanos;
  times: Nanos[];
}

const MINUTE = 60n * NS_PER_S;

/** Whole buckets of at least a minute: rollups are by the minute, and the minute that is not over says nothing yet. */
export function gridOf(range: Range, points = 60): Grid {
  const wanted = stepFor(range, points + 1);
  const step = nanos(wanted < MINUTE ? MINUTE : wanted);
  const floor = (time: bigint) => time - (((time % step) + step) % step);
  const from = floor(range.from);
  const last = floor(range.to);
  const to = last - from < 2n * step ? last + step : last;
  const times: Nanos[] = [];
  for (let at = from; at < to; at += step) times.push(nanos(at));
  return { range: { from: nanos(from), to: nanos(to) }, step, times };
}

/** The same buckets, `by` whole steps earlier: each stands for the one at its place. */
export const earlierGrid = ({ range, step, times }: Grid, by: Nanos): Grid => ({ range: earlier(range, by), step, times: times.map((at) => nanos(at - by)) });

/** Rows by their service, in the order in which services come. */
export function byService<Row extends { service: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const services = new Map<string, Row[]>();
  for (const row of rows) {
    const own = services.get(row.service);
    if (own) own.push(row);
    else services.set(row.service, [row]);
  }
  return services;
}

/** What a service does that is asked nothing, in the words of every page. */
export const spansPerSecond = (perSecond: number): string => `${rate(perSecond)} spans/s`;

/** Rows of a service's requests where it has any, else of its spans; the busiest first. */
export function trafficOf(rows: readonly TrafficRow[], grid: Grid): Traffic[] {
  return [...byService(rows)].map(([service, own]) => ofService(service, own, grid)).sort((a, b) => b.count - a.count);
}

function ofService(service: string, rows: TrafficRow[], grid: Grid): Traffic {
  const hasRequests = rows.some((row) => row.is_request && row.count > 0);
  const counted = rows.filter((row) => row.is_request === hasRequests);
  const whole = counted.find((row) => row.at === null);
  const count = whole?.count ?? 0;
  const errors = whole?.errors ?? 0;
  const seconds = Number(grid.range.to - grid.range.from) / 1e9;
  const byTime = new Map(counted.filter((row) => row.at !== null).map((row) => [row.at, row]));
  // Whether it speaks at all is told by all of its spans.
  const heard = new Set(rows.filter((row) => row.at !== null).map((row) => row.at));
  const { silentFrom, firstHeard } = silence(grid, (at) => heard.has(at));
  const buckets = grid.times.map((at, index): Bucket | null => {
    const row = byTime.get(at);
    if (row) return { count: row.count, errors: row.errors, p50: row.p50, p99: row.p99 };
    return index < firstHeard || index >= silentFrom ? null : { count: 0, errors: 0, p50: null, p99: null };
  });
  return {
    service, counted: hasRequests ? "requests" : "spans", count, errors,
    perSecond: count / seconds, errorRatio: count === 0 ? 0 : errors / count, p50: whole?.p50 ?? null, p99: whole?.p99 ?? null,
    buckets, silentSince: silentFrom < grid.times.length ? (grid.times[silentFrom] ?? null) : null,
  };
}

/** Silent is who has not spoken for three times his longest pause, and at least three buckets. */
export function silence(grid: Grid, isHeard: (at: Nanos) => boolean): { silentFrom: number; firstHeard: number } {
  let [first, last, longest] = [-1, -1, 0];
  grid.times.forEach((at, index) => {
    if (!isHeard(at)) return;
    if (first < 0) first = index;
    else longest = Math.max(longest, index - last - 1);
    last = index;
  });
  const pause = grid.times.length - 1 - last;
  const isSilent = last < 0 || pause >= Math.max(3, 3 * longest);
  return { silentFrom: isSilent ? last + 1 : grid.times.length, firstHeard: Math.max(0, first) };
}

/** Requests per second of each bucket. */
export const rates = (traffic: Traffic, grid: Grid): (number | null)[] => traffic.buckets.map((b) => b && b.count / (Number(grid.step) / 1e9));
export const errorRatios = (traffic: Traffic): (number | null)[] => traffic.buckets.map((b) => b && (b.count === 0 ? 0 : b.errors / b.count));
export const slowest = (traffic: Traffic): (number | null)[] => traffic.buckets.map((b) => b?.p99 ?? null);
/** For a drawn line: a bucket without requests has no quantile, yet is no gap. */
export function carried(values: readonly (number | null)[], buckets: readonly (Bucket | null)[]): (number | null)[] {
  let last: number | null = null;
  return values.map((value, index) => {
    if (buckets[index] === null) return null;
    last = value ?? last;
    return last;
  });
}
