/** Names of what there is, for the palette and for links. */

import * as v from "valibot";
import type { Range } from "@/model/range";
import { type Result, useApi } from "./query";
import { type SqlAnswer, sqlRange, useSql } from "./sql";

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

/** The trace that has a span. */
export const useTraceOfSpan = (spanId: string | null, range: Range): Result<SqlAnswer<{ trace_id: string }>> =>
  useSql(`SELECT trace_id FROM spans WHERE ${sqlRange(range, "start_time")} AND span_id = X'${spanId ?? ""}' LIMIT 1`, v.object({ trace_id: v.string() }), {
    doing: "find the span", enabled: spanId !== null,
  });
