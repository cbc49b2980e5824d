/** When an SLO's events began to be bad. */

import { type Outcome, ratioStep, recovery } from "@/model/change";
import type { Nanos } from "@/model/time";
import type { Grid } from "@/model/traffic";
import type { Onset } from "./sentences";

export interface CountedMinute {
  slo: string;
  objective: number;
  at: Nanos;
  good: number;
  total: number;
}

/** Per bucket of the grid; where nothing was counted, no events. */
export function badOf(minutes: readonly CountedMinute[], of: { slo: string; objective: number }, grid: Grid): Outcome[] {
  const own = new Map(minutes.filter((one) => one.slo === of.slo && one.objective === of.objective).map((one) => [one.at, one]));
  return grid.times.map((at) => {
    const one = own.get(at);
    return one ? { bad: one.total - one.good, total: one.total } : { bad: 0, total: 0 };
  });
}

export function onsetOf(buckets: readonly Outcome[], grid: Grid): Onset | null {
  const step = ratioStep(buckets);
  const at = step && grid.times[step.index];
  return step && at !== null && at !== undefined ? { at, until: grid.times[step.end ?? -1] ?? null, step } : null;
}

/** When what failed from the range's beginning was over, and how much failed until then. */
export function overOf(buckets: readonly Outcome[], grid: Grid): { at: Nanos; share: number } | null {
  const over = recovery(buckets, 0, 0);
  const at = over && grid.times[over.end];
  return over && at ? { at, share: over.during } : null;
}

/** Of all events of the range. */
export function shareOf(buckets: readonly Outcome[]): number {
  const total = buckets.reduce((sum, one) => sum + one.total, 0);
  return total === 0 ? 0 : buckets.reduce((sum, one) => sum + one.bad, 0) / total;
}
