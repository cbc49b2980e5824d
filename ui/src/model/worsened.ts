/** What became worse of a service within a range: its errors, its p99. */

import { levelStep, ratioStep, type Step } from "./change";
import type { Nanos } from "./time";
import type { Grid, Traffic } from "./traffic";

export interface Since {
  at: Nanos;
  /** When it was over again; null while it goes on. */
  until: Nanos | null;
  step: Step;
}

export interface Worsened {
  errors: Since | null;
  p99: Since | null;
}

export function worsenedOf(traffic: Traffic, grid: Grid): Worsened {
  const since = (step: Step | null): Since | null => {
    const at = step ? grid.times[step.index] : undefined;
    return step && at !== undefined ? { at, step, until: grid.times[step.end ?? -1] ?? null } : null;
  };
  return {
    errors: since(ratioStep(traffic.buckets.map((b) => ({ bad: b?.errors ?? 0, total: b?.count ?? 0 })))),
    p99: since(levelStep(traffic.buckets.map((b) => b?.p99 ?? null))),
  };
}
