/** Alerts as the server holds them: firing, pending, held, resolved. */

import * as v from "valibot";
import { jsonObject, nanos } from "./scalar";
import type { Result } from "./query";
import { type SqlAnswer, useSql } from "./sql";

const labels = v.pipe(jsonObject, v.transform((o) => Object.fromEntries(Object.entries(o).map(([k, value]) => [k, String(value)]))));
const alert = v.object({
  name: v.string(),
  state: v.string(),
  labels,
  annotations: labels,
  active_at: v.nullish(nanos),
  fired_at: v.nullish(nanos),
  resolved_at: v.nullish(nanos),
  held_since: v.nullish(nanos),
  value: v.nullish(v.unknown()),
  group: v.nullish(v.string()),
});
export type Alert = v.InferOutput<typeof alert>;

/** What fires, waits, or is held now. */
export const useActiveAlerts = (): Result<SqlAnswer<Alert>> =>
  useSql(
    `SELECT name, state, labels, annotations, active_at, fired_at, resolved_at, held_since, value, "group" FROM alerts WHERE state IN ('pending', 'firing', 'held') ORDER BY fired_at DESC`,
    alert,
    { doing: "list alerts", poll: true },
  );

const ruleTransition = v.object({
  time: nanos, source: v.string(), name: v.string(), group: v.string(), labels, annotations: labels, value: v.unknown(), from_state: v.string(), to_state: v.string(),
});
export type RuleTransition = v.InferOutput<typeof ruleTransition>;

/** What alerts of rules did, the newest first. */
export const useRuleTransitions = (limit = 500): Result<SqlAnswer<RuleTransition>> =>
  useSql(
    `SELECT time, source, name, "group", labels, annotations, value, from_state, to_state FROM alert_transitions ORDER BY time DESC LIMIT ${limit}`,
    ruleTransition,
    { doing: "read what alerts did", poll: true },
  );
