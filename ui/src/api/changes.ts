/** What alerts did and who was told of it, within a range. */

import * as v from "valibot";
import type { Range } from "@/model/range";
import type { Result } from "./query";
import { nanos } from "./scalar";
import { type SqlAnswer, sqlRange, useSql } from "./sql";

const transition = v.object({ time: nanos, slo: v.string(), kind: v.string(), severity: v.string(), windows: v.string(), level: v.string() });
export type AlertChange = v.InferOutput<typeof transition>;

export const useAlertChanges = (range: Range): Result<SqlAnswer<AlertChange>> =>
  useSql(`SELECT time, slo, kind, severity, windows, level FROM slo_transitions WHERE ${sqlRange(range, "time")} ORDER BY time DESC LIMIT 200`, transition, { doing: "read what alerts did" });

const delivery = v.object({
  created_at: nanos, finished_at: v.nullable(nanos), receiver: v.string(), group_key: v.string(), status: v.string(), state: v.string(), error: v.nullable(v.string()),
});
export type Told = v.InferOutput<typeof delivery>;

export const useDeliveriesOf = (range: Range): Result<SqlAnswer<Told>> =>
  useSql(`SELECT created_at, finished_at, receiver, group_key, status, state, error FROM deliveries WHERE ${sqlRange(range, "created_at")} ORDER BY created_at DESC LIMIT 200`, delivery, { doing: "read deliveries" });
