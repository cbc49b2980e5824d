/** How an objective stands, in words and figures: the same on every page that shows one. */

import type { Objective, SloAlert, Standing } from "@/api/slos";
import type { Tone } from "@/model/state";
import type { Nanos } from "@/model/time";

/** What an error ratio may be: 0.001 of 99.9 %. */
export const budgetShare = (objective: Pick<Objective, "target_parts_per_billion">): number => (1_000_000_000 - objective.target_parts_per_billion) / 1e9;

/** `1h`, `30m`, `3d`, `1h 30m` in seconds. */
export function windowSeconds(text: string): number {
  const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
  return [...text.matchAll(/(\d+)([smhdw])/g)].reduce((all, [, n, unit]) => all + Number(n) * (units[unit ?? ""] ?? 0), 0);
}

export const isFiring = (alert: SloAlert): boolean => alert.level === "firing";

export interface Verdict {
  tone: Tone;
  words: string;
  since: Nanos | null;
  firing: "page" | "ticket" | null;
  held: boolean;
}

/** The state of an objective in words: what fires, what is held, or that all is well. */
export function verdictOf(objective: Objective): Verdict {
  const firing = objective.alerts.filter(isFiring);
  const worst = firing.find((alert) => alert.severity === "page") ?? firing[0];
  const held = objective.alerts.find((alert) => alert.held_since !== null && alert.held_since !== undefined && alert.level !== "inactive");
  if (worst) {
    const page = worst.severity === "page";
    return { tone: held ? "hold" : page ? "bad" : "warn", words: held ? `${worst.severity} held` : `${worst.severity} firing`, since: (held ? held.held_since : worst.since) ?? null, firing: page ? "page" : "ticket", held: held !== undefined };
  }
  const left = objective.status?.budget.remaining;
  if (left !== null && left !== undefined && left <= 0) return { tone: "bad", words: "budget spent", since: null, firing: null, held: false };
  if (!objective.status || left === null || left === undefined) return { tone: "hold", words: "not measured yet", since: null, firing: null, held: false };
  return { tone: "good", words: "within budget", since: null, firing: null, held: false };
}

/** When nothing is left: at once, at a time, or not in sight; and which of the two estimates says so. */
export function exhaustionOf(status: Standing): { seconds: number; moving: boolean } | null {
  if (status.exhausted_in_seconds !== null && status.exhausted_in_seconds !== undefined) return { seconds: status.exhausted_in_seconds, moving: true };
  if (status.exhausted_in_seconds_static !== null && status.exhausted_in_seconds_static !== undefined) return { seconds: status.exhausted_in_seconds_static, moving: false };
  return null;
}
