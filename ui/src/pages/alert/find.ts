/** An alert by its fingerprint: among those there are, or from what is kept of it. */

import type { RuleTransition } from "@/api/alerts";
import type { Evidence } from "@/api/explain";
import type { Transition } from "@/api/slos";
import type { BoardAlert } from "@/components/alerts/board";
import { fingerprint } from "@/model/fingerprint";
import { alertWord } from "@/model/state";
import type { Nanos } from "@/model/time";

/** What is known of one that is over. */
export function pastAlert(print: string, rules: readonly RuleTransition[], evidence: Evidence | undefined): BoardAlert | null {
  const last = rules.find((one) => fingerprint(one.labels) === print);
  const labels = last?.labels ?? (evidence?.fingerprint === print ? evidence.labels : undefined);
  if (!labels) return null;
  const annotations = last?.annotations ?? {};
  return {
    fingerprint: print, name: labels.alertname ?? "alert", summary: annotations.summary ?? (labels.slo !== undefined ? `${labels.slo} burned its error budget` : (labels.alertname ?? "alert")), description: annotations.description ?? "",
    state: "resolved", severity: labels.severity ?? "none", service: labels.service ?? "", slo: labels.slo ?? null, labels, annotations,
    since: evidence?.starts_at ?? last?.time ?? null, heldSince: null, source: labels.slo !== undefined ? "slo" : "rule", silencedBy: [], inhibitedBy: [], receivers: [],
  };
}

export interface Change {
  at: Nanos;
  state: string;
  reason: string;
}

const KINDS: Record<string, string> = { SLOBudgetExhaustion: "exhaustion", SLONoTraffic: "no_traffic", SLONoTelemetry: "no_telemetry" };

/** What it did, the last first, each with its reason. */
export function changesOf(alert: BoardAlert, rules: readonly RuleTransition[], slos: readonly Transition[], group: readonly (string | null)[] | null): Change[] {
  const kind = KINDS[alert.name] ?? "burn_rate";
  const windows = (one: Transition) => kind !== "burn_rate" || (one.long_window === alert.labels.long_window && one.short_window === alert.labels.short_window);
  const ofGroup = (one: Transition) => (group === null ? !one.group : one.group?.every((value) => value === null || group.includes(value)) === true);
  const own = alert.slo !== null
    ? slos.filter((one) => one.slo === alert.slo && one.kind === kind && one.severity === alert.severity && windows(one) && ofGroup(one)).map((one): Change => ({ at: one.at, state: one.level === "inactive" ? "resolved" : one.level, reason: one.reason }))
    : rules.filter((one) => fingerprint(one.labels) === alert.fingerprint).map((one): Change => ({ at: one.time, state: one.to_state === "inactive" ? "resolved" : one.to_state, reason: `${one.from_state === "inactive" ? "" : `was ${alertWord(one.from_state)}; `}the value is ${String(one.value)}` }));
  const changes = [...own].sort((a, b) => (a.at > b.at ? -1 : a.at < b.at ? 1 : 0));
  if (alert.state !== "held" || alert.heldSince === null) return changes;
  return [{ at: alert.heldSince, state: "held", reason: "nothing was measured that could change it; it stays as it is until something is" }, ...changes];
}

/** Labels that tell a group's alert from its SLO's. */
export function groupValues(labels: Readonly<Record<string, string>>, groupBy: readonly string[]): string[] | null {
  if (groupBy.length === 0) return null;
  const names = groupBy.map((key) => key.replace(/^(span|resource|attributes)\./, "").replaceAll(/[^a-zA-Z0-9_]/g, "_"));
  const values = names.map((name) => labels[`group_${name}`] ?? labels[name]);
  return values.every((value) => value !== undefined) ? values : null;
}
