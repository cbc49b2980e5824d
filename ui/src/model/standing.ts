/** How SLOs stand, folded for pages about all of them: what needs attention, and how a service does. */

import { DATA_STATES, type Tone } from "./state";
import { type Nanos, NS_PER_S, nanos } from "./time";

/** What is needed of an SLO's alert, objective and SLO; `api/slos.ts` has it. */
export interface AlertSeen {
  kind: string;
  severity: string;
  long_window?: string | null | undefined;
  level: string;
  since?: Nanos | null | undefined;
  held_since?: Nanos | null | undefined;
}
export interface ObjectiveSeen {
  target: string;
  alerts: readonly AlertSeen[];
  status?: {
    state: string;
    until: Nanos;
    budget: { remaining?: number | null | undefined };
    exhausted_in_seconds?: number | null | undefined;
    burn_rates: readonly { severity: string; long_window: string; long?: number | null | undefined; threshold: number }[];
  } | undefined;
  counting?: { last_heard?: Nanos | null | undefined; is_counted: boolean } | undefined;
}
export interface SloSeen {
  name: string;
  display_name?: string | null | undefined;
  service: string;
  objectives: readonly ObjectiveSeen[];
}

export type Severity = "page" | "ticket";

/** One objective, as a row of budgets. */
export interface Standing {
  slo: string;
  objective: number;
  title: string;
  service: string;
  target: string;
  /** What is left of the budget, 1 being all; null when never measured. */
  left: number | null;
  firing: Severity | null;
  since: Nanos | null;
  held: boolean;
  heldSince: Nanos | null;
  /** Why figures may not be believed; null when they may. */
  dataState: string | null;
  lastHeard: Nanos | null;
  /** Of the alert that fires, with the severest tier; of the last hour, as in lists of SLOs, where what fires has no window. */
  burn: number | null;
  /** Over which window that burn is: `2m`. */
  burnWindow: string | null;
  /** When the budget will be gone at this rate. */
  goneAt: Nanos | null;
  tone: Tone;
}

const isPage = (severity: string) => severity === "page" || severity === "critical";

export function standingsOf(slos: readonly SloSeen[]): Standing[] {
  return slos.flatMap((slo) => slo.objectives.map((objective, index) => standing(slo, objective, index)));
}

function standing(slo: SloSeen, objective: ObjectiveSeen, index: number): Standing {
  const { status, alerts } = objective;
  const silence = alerts.find((a) => a.kind === "no_telemetry" && a.level === "firing");
  // That nothing comes is a state of its own, not a burn.
  const firing = alerts.filter((alert) => alert.level === "firing" && alert !== silence);
  const severity = firing.some((a) => isPage(a.severity)) ? "page" : firing.length > 0 ? "ticket" : null;
  const worst = firing.filter((a) => isPage(a.severity) === (severity === "page"));
  const dataTone = status ? (DATA_STATES[status.state]?.tone ?? "hold") : "hold";
  const heldAlerts = alerts.filter((a) => a.held_since !== null && a.held_since !== undefined && a.level !== "inactive");
  const held = silence !== undefined || (status !== undefined && status.state !== "no_traffic" && dataTone === "hold");
  const left = status?.budget.remaining ?? null;
  const windows = new Set(worst.map((a) => a.long_window));
  const tier = status?.burn_rates.find((t) => windows.has(t.long_window)) ?? status?.burn_rates.find((t) => t.long_window === "1h") ?? status?.burn_rates[0];
  const seconds = status?.exhausted_in_seconds ?? null;
  return {
    slo: slo.name, objective: index, title: slo.display_name || slo.name, service: slo.service, target: objective.target, left, firing: severity,
    since: earliest(worst.map((a) => a.since)), held,
    heldSince: held ? earliest([...heldAlerts.map((a) => a.held_since), silence?.since]) : null,
    dataState: silence ? "no_telemetry" : status === undefined ? "no_traffic" : dataTone === "good" ? null : status.state,
    lastHeard: objective.counting?.last_heard ?? null, burn: tier?.long ?? null, burnWindow: tier?.long_window ?? null,
    goneAt: seconds === null || !status ? null : nanos(status.until + BigInt(Math.round(seconds)) * NS_PER_S),
    tone: held ? "hold" : severity === "page" ? "bad" : severity === "ticket" ? "warn" : left === null ? "none" : left <= 0 ? "bad" : "good",
  };
}

const earliest = (times: readonly (Nanos | null | undefined)[]): Nanos | null =>
  times.reduce<Nanos | null>((min, at) => (at === null || at === undefined ? min : min === null || at < min ? at : min), null);

const RANK: Record<Tone, number> = { bad: 0, warn: 1, hold: 2, good: 3, none: 4 };
export const worse = (a: Tone, b: Tone): number => RANK[a] - RANK[b];

/** Lowest budget first; held ones, whose figure is old, last. */
export const byBudget = (standings: readonly Standing[]): Standing[] =>
  [...standings].sort((a, b) => Number(a.held) - Number(b.held) || (a.left ?? Infinity) - (b.left ?? Infinity) || (a.title < b.title ? -1 : 1));

/** All well: measured, nothing firing, budget left. */
export const isHealthy = (one: Standing): boolean => one.firing === null && !one.held && (one.left === null || one.left > 0);

/** The worst of what is known of a service. */
export function serviceStanding(standings: readonly Standing[], service: string): { tone: Tone; lowest: Standing | null } {
  const own = standings.filter((one) => one.service === service);
  const tone = own.map((one) => one.tone).sort(worse)[0] ?? "none";
  return { tone, lowest: byBudget(own)[0] ?? null };
}
