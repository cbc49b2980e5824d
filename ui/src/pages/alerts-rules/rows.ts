import type { Rule, RuleGroup } from "@/api/rules";
import { fingerprint } from "@/model/fingerprint";
import type { AlertState } from "@/model/state";

export interface Row {
  key: string;
  rule: Rule;
  group: RuleGroup;
  firing: number;
  pending: number;
  held: number;
}

const NONE: ReadonlySet<string> = new Set();

/** A rule's alert as Alerts calls it: `held` has the fingerprints of those that are. */
export function stateOf(alert: { labels: Record<string, string>; state: string }, held: ReadonlySet<string>): AlertState {
  return alert.state === "pending" ? "pending" : alert.state !== "firing" ? "inactive" : held.has(fingerprint(alert.labels)) ? "held" : "firing";
}

/** Rules as rows: those that fail first, then what fires, what waits, and the rest in the order of their files. */
export function rowsOf(groups: readonly RuleGroup[], held: ReadonlySet<string> = NONE): Row[] {
  const rows = groups.flatMap((group) => group.rules.map((rule, index): Row => {
    const of = (state: AlertState) => rule.alerts?.filter((alert) => stateOf(alert, held) === state).length ?? 0;
    return { key: `${group.file} ${group.name} ${index}`, rule, group, firing: of("firing"), pending: of("pending"), held: of("held") };
  }));
  const rank = (row: Row) => (row.rule.health === "err" ? 0 : row.firing > 0 ? 1 : row.held > 0 ? 2 : row.pending > 0 ? 3 : 4);
  return rows.map((row, index) => ({ row, index })).sort((a, b) => rank(a.row) - rank(b.row) || a.index - b.index).map(({ row }) => row);
}

export function headline(rows: readonly Row[]): string {
  const failing = rows.filter((row) => row.rule.health === "err").length;
  const firing = rows.filter((row) => row.firing > 0).length;
  const all = `${rows.length} ${rows.length === 1 ? "rule" : "rules"}`;
  if (failing > 0) return `${failing} of ${all} ${failing === 1 ? "fails" : "fail"}`;
  return firing > 0 ? `${firing} of ${all} ${firing === 1 ? "fires" : "fire"}` : `${all}, none fires`;
}
