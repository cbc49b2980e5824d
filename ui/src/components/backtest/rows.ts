/** Pages of a backtest: when each began, how long it fired. */

import type { Replayed } from "@/api/slos";
import type { Nanos } from "@/model/time";

export interface Firing {
  severity: string;
  tier: string;
  from: Nanos;
  /** Null while it fires at the end. */
  to: Nanos | null;
}

/** One per time an alert fired, oldest first. */
export function firingsOf(transitions: readonly Replayed[]): Firing[] {
  const open = new Map<string, Firing>();
  const all: Firing[] = [];
  for (const one of [...transitions].sort((a, b) => (a.until < b.until ? -1 : a.until > b.until ? 1 : 0))) {
    const tier = one.long_window ? `${one.long_window}/${one.short_window ?? ""}` : one.kind.replaceAll("_", " ");
    const key = `${one.severity} ${tier}`;
    const known = open.get(key);
    if (one.level === "firing" && !known) {
      const firing: Firing = { severity: one.severity, tier, from: one.until, to: null };
      open.set(key, firing);
      all.push(firing);
    } else if (one.level !== "firing" && known) {
      known.to = one.until;
      open.delete(key);
    }
  }
  return all;
}

export const countOf = (firings: readonly Firing[], severity: string): number => firings.filter((one) => one.severity === severity).length;
