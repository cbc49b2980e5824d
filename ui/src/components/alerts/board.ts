/** All alerts, from wherever they come, in one shape: of SLOs, of rules, and sent by other servers. */

import type { ToldAlert } from "@/api/alertmanager";
import type { Alert, RuleTransition } from "@/api/alerts";
import type { Slo, SloAlert, Transition } from "@/api/slos";
import { fingerprint } from "@/model/fingerprint";
import type { AlertState } from "@/model/state";
import type { Nanos } from "@/model/time";

export interface BoardAlert {
  fingerprint: string;
  name: string;
  /** One sentence. */
  summary: string;
  description: string;
  state: AlertState;
  severity: string;
  service: string;
  /** Of an SLO: its name, and which of its alerts. */
  slo: string | null;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  since: Nanos | null;
  heldSince: Nanos | null;
  source: "slo" | "rule" | "sent";
  silencedBy: string[];
  inhibitedBy: string[];
  receivers: string[];
}

/** What receivers are told, what rules wait for, and what is held. */
export function boardOf(told: readonly ToldAlert[], rules: readonly Alert[], slos: readonly Slo[]): BoardAlert[] {
  const byPrint = new Map<string, BoardAlert>();
  const held = heldOf(slos);
  for (const alert of told) {
    const { labels } = alert;
    const heldSince = held.get(standingKey(labels)) ?? null;
    byPrint.set(alert.fingerprint, {
      ...texts(labels, alert.annotations), fingerprint: alert.fingerprint, state: heldSince === null ? "firing" : "held", since: alert.startsAt, heldSince,
      source: labels.slo !== undefined && slos.some((slo) => slo.name === labels.slo) ? "slo" : "sent",
      silencedBy: alert.status.silencedBy, inhibitedBy: alert.status.inhibitedBy, receivers: alert.receivers.map((receiver) => receiver.name),
    });
  }
  for (const alert of rules) {
    const print = fingerprint(alert.labels);
    const known = byPrint.get(print);
    const heldSince = alert.held_since ?? null;
    const state: AlertState = heldSince !== null && alert.state === "firing" ? "held" : alert.state === "pending" ? "pending" : alert.state === "firing" ? "firing" : "resolved";
    byPrint.set(print, {
      // What receivers are told says more: SLOs explain themselves there.
      ...(known ?? { silencedBy: [], inhibitedBy: [], receivers: [] }), ...texts(alert.labels, { ...alert.annotations, ...known?.annotations }), fingerprint: print, state,
      since: alert.fired_at ?? alert.active_at ?? null, heldSince, source: known?.source === "slo" ? "slo" : "rule",
    });
  }
  return [...byPrint.values()].sort((a, b) => rank(a) - rank(b) || (a.since === b.since ? 0 : (a.since ?? 0n) > (b.since ?? 0n) ? -1 : 1));
}

const rank = ({ state, severity }: BoardAlert): number =>
  (({ firing: 0, held: 1, pending: 2, resolved: 3, inactive: 4 }) as const)[state] * 2 + (isPage(severity) ? 0 : 1);

export const isPage = (severity: string): boolean => severity === "page" || severity === "critical";

function texts(labels: Record<string, string>, annotations: Record<string, string>) {
  const name = labels.alertname ?? "alert";
  return {
    name, labels, annotations, summary: annotations.summary ?? annotations.description ?? name, description: annotations.description ?? "",
    severity: labels.severity ?? "none", service: labels.service ?? labels.service_name ?? labels.job ?? "", slo: labels.slo ?? null,
  };
}

/** By SLO, objective and windows; groups have more labels, and are found by the SLO's own page. */
const standingKey = (labels: Record<string, string>): string => [labels.slo, labels.objective, labels.severity, labels.long_window ?? "", labels.alertname === "SLOBudgetExhaustion" ? "exhaustion" : ""].join("\n");

function heldOf(slos: readonly Slo[]): Map<string, Nanos> {
  const held = new Map<string, Nanos>();
  for (const slo of slos) {
    for (const objective of slo.objectives) {
      for (const alert of objective.alerts) {
        if (alert.held_since === null || alert.held_since === undefined || alert.level !== "firing") continue;
        held.set([slo.name, objective.name ? objective.name : objective.target, alert.severity, alert.long_window ?? "", alert.kind === "exhaustion" ? "exhaustion" : ""].join("\n"), alert.held_since);
      }
    }
  }
  return held;
}

export interface Past {
  key: string;
  fingerprint: string | null;
  /** Of an SLO's alert without a fingerprint at hand: its page. */
  slo: string | null;
  name: string;
  severity: string;
  from: Nanos;
  to: Nanos;
}

/** What fired and is over, the last first. */
export function pastOf(rules: readonly RuleTransition[], slos: readonly Transition[]): Past[] {
  const past: Past[] = [];
  const open = new Map<string, Nanos>();
  for (const one of [...rules].filter((rule) => rule.source === "rule").sort((a, b) => (a.time < b.time ? -1 : 1))) {
    const print = fingerprint(one.labels);
    if (one.to_state === "firing" && !open.has(print)) open.set(print, one.time);
    const from = open.get(print);
    if (from === undefined || one.to_state === "firing" || one.to_state === "held") continue;
    open.delete(print);
    past.push({ key: `${print} ${String(from)}`, fingerprint: print, slo: null, name: one.annotations.summary ?? one.name, severity: one.labels.severity ?? "none", from, to: one.time });
  }
  const began = new Map<string, Nanos>();
  for (const one of [...slos].sort((a, b) => (a.at < b.at ? -1 : 1))) {
    const key = [one.slo, one.objective, one.group?.join(",") ?? "", one.kind, one.severity, one.long_window ?? ""].join(" ");
    if (one.level === "firing" && !began.has(key)) began.set(key, one.at);
    const from = began.get(key);
    if (from === undefined || one.level === "firing") continue;
    began.delete(key);
    past.push({ key: `${key} ${String(from)}`, fingerprint: null, slo: one.slo, name: `${one.slo}: ${one.long_window ? `burn over ${one.long_window}/${one.short_window ?? ""}` : one.kind.replaceAll("_", " ")}${one.group ? ` of ${one.group.map((part) => part ?? "(none)").join(", ")}` : ""}`, severity: one.severity, from, to: one.at });
  }
  return past.sort((a, b) => (a.to > b.to ? -1 : a.to < b.to ? 1 : 0));
}

/** Which of an SLO's alerts it is, by its labels. */
export function tierOf(slo: Slo | undefined, labels: Record<string, string>): { index: number; alert: SloAlert } | null {
  if (!slo) return null;
  const kinds: Record<string, string> = { SLOBudgetExhaustion: "exhaustion", SLONoTraffic: "no_traffic", SLONoTelemetry: "no_telemetry" };
  const kind = kinds[labels.alertname ?? ""] ?? "burn_rate";
  for (const [index, objective] of slo.objectives.entries()) {
    if (labels.objective !== undefined && labels.objective !== objective.target && labels.objective !== objective.name) continue;
    const alert = objective.alerts.find((one) => one.kind === kind && one.severity === labels.severity && (kind !== "burn_rate" || (one.long_window === labels.long_window && one.short_window === labels.short_window)));
    if (alert) return { index, alert };
  }
  return null;
}
