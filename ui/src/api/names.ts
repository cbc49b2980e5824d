/** Names of what there is, for the palette and for links. */

import * as v from "valibot";
import type { Range } from "@/model/range";
import { type Result, useApi } from "./query";
import { integer } from "./scalar";
import { type SqlAnswer, sqlRange, sqlText, useSql } from "./sql";

const alerts = v.array(v.object({ fingerprint: v.string(), labels: v.record(v.string(), v.string()), annotations: v.record(v.string(), v.string()), startsAt: v.string(), status: v.object({ state: v.string() }) }));
/** Alerts as they are told to receivers, with their fingerprints. */
export const useAlertNames = (enabled = true): Result<v.InferOutput<typeof alerts>> =>
  useApi({ doing: "list alerts", path: "/alertmanager/api/v2/alerts", schema: alerts }, { enabled, poll: true });

const values = v.object({ data: v.array(v.string()) });
export const useMetricNames = (enabled = true): Result<v.InferOutput<typeof values>> =>
  useApi({ doing: "list metrics", path: "/prometheus/api/v1/label/__name__/values", schema: values }, { enabled });

/** Services with spans in the range. */
export const useServiceNames = (range: Range, enabled = true): Result<SqlAnswer<{ service: string }>> =>
  useSql(`SELECT DISTINCT service FROM red WHERE ${sqlRange(range, "minute")} ORDER BY service`, v.object({ service: v.string() }), { doing: "list services", enabled });

const served = v.object({ name: v.string(), count: integer });
/** What a service is asked for, the most asked first: names of its server and consumer spans. */
export const useServedOperations = (service: string, range: Range): Result<SqlAnswer<v.InferOutput<typeof served>>> =>
  useSql(`SELECT name, sum(count) AS count FROM red WHERE ${sqlRange(range, "minute")} AND service = ${sqlText(service)} AND kind IN (2, 5) GROUP BY name ORDER BY 2 DESC LIMIT 500`, served, { doing: "list operations", enabled: service !== "" });

/** Traces of the range whose ids begin so: 8 to 31 hex digits. */
export const useTracesOfPrefix = (prefix: string | null, range: Range): Result<SqlAnswer<{ trace_id: string }>> =>
  useSql(`SELECT DISTINCT trace_id FROM spans WHERE ${sqlRange(range, "start_time")} AND trace_id >= X'${(prefix ?? "").padEnd(32, "0")}' AND trace_id <= X'${(prefix ?? "").padEnd(32, "f")}' LIMIT 6`, v.object({ trace_id: v.string() }), {
    doing: "find the trace", enabled: prefix !== null,
  });

/** The trace that has a span. */
export const useTraceOfSpan = (spanId: string | null, range: Range): Result<SqlAnswer<{ trace_id: string }>> =>
  useSql(`SELECT trace_id FROM spans WHERE ${sqlRange(range, "start_time")} AND span_id = X'${spanId ?? ""}' LIMIT 1`, v.object({ trace_id: v.string() }), {
    doing: "find the span", enabled: spanId !== null,
  });
