/** Sentences and labels of an SLO. */

import type { Objective, Slo } from "@/api/slos";
import { objective as objectiveWords, THIN } from "@/model/units";
import { windowSeconds } from "./standing";

const UNITS: Record<string, string> = { s: "s", m: "min", h: "h", d: "d", w: "w" };
const LONG: Record<string, [string, string]> = { s: ["second", "seconds"], m: ["minute", "minutes"], h: ["hour", "hours"], d: ["day", "days"], w: ["week", "weeks"] };

/** `30m` as `30 min`. */
export const spanWords = (text: string): string => [...text.matchAll(/(\d+)([smhdw])/g)].map(([, n, unit]) => `${n ?? ""}${THIN}${UNITS[unit ?? ""] ?? ""}`).join(" ");

/** `30d` as `30 days`. */
export function spanLong(text: string): string {
  return [...text.matchAll(/(\d+)([smhdw])/g)].map(([, n, unit]) => `${n ?? ""} ${LONG[unit ?? ""]?.[n === "1" ? 0 : 1] ?? ""}`).join(" ");
}

export const windowWords = (objective: Objective): string =>
  objective.window.rolling !== undefined ? `${spanLong(objective.window.rolling)}, rolling` : `${objective.window.calendar ?? ""}, by the calendar of ${objective.window.zone ?? ""}`;

export const targetOf = (objective: Objective): number => objective.target_parts_per_billion / 1e9;
export const targetWords = (objective: Objective): string => objectiveWords(targetOf(objective));
export const titleOf = (slo: Pick<Slo, "name" | "display_name">): string => (slo.display_name ? slo.display_name : slo.name);
export const ownerOf = (slo: Slo): string | null => slo.labels.owner ?? slo.labels.team ?? slo.annotations.owner ?? null;

/** What one of the things counted is called. */
export const unitWords = (objective: Objective): string =>
  objective.method === "Occurrences" ? (objective.sli.source === "logs" ? "log records" : "events") : `slices of time`;

/** The burn of a list's column "1 h": of the tier whose long window that is, as the SLO's own page shows it; of an SLO without one the "now" tier, whose window the cell then names. */
export function hourBurn(objective: Objective): { tier: NonNullable<Objective["status"]>["burn_rates"][number]; window: string | null } | null {
  const hour = (objective.status?.burn_rates ?? []).find((one) => windowSeconds(one.long_window) === 3600);
  const tier = hour ?? nowTier(objective);
  return tier ? { tier, window: hour ? null : spanWords(tier.long_window) } : null;
}

/** Which window is "now" for the SLO as a whole: the shortest long one. */
export const nowTier = (objective: Objective) =>
  [...(objective.status?.burn_rates ?? [])].sort((a, b) => windowSeconds(a.long_window) - windowSeconds(b.long_window))[0];
