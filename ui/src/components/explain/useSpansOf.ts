/** Spans of an explanation's examples, and a good event to hold them against. */

import * as v from "valibot";
import type { Explanation } from "@/api/explain";
import { nanos as nanosSchema } from "@/api/scalar";
import { sqlText, sqlTime, useSql } from "@/api/sql";
import { nanos, NS_PER_S } from "@/model/time";
import type { SpanOfExample } from "./rows";

const row = v.object({ trace_id: v.string(), span_id: v.string(), parent_span_id: v.nullish(v.string()), service: v.string(), start: nanosSchema, duration: nanosSchema, status_code: v.number() });
const NONE: SpanOfExample[] = [];
const MARGIN = 120n * NS_PER_S;

/** Ids of the examples' traces; what is no span, as a log record, may have none. */
const tracesOf = (explanation: Explanation | undefined): string[] => explanation?.examples.map((one) => one.trace_id).filter((id) => /^[0-9a-f]{32}$/.test(id)) ?? [];

/** All examples' traces in one question; empty until it is answered, and when the rows are gone. */
export function useSpansOf(explanation: Explanation | undefined): SpanOfExample[] {
  const ids = tracesOf(explanation);
  const starts = explanation?.examples.map((one) => one.start) ?? [];
  const from = starts.reduce((a, b) => (b < a ? b : a), starts[0] ?? nanos(0));
  const to = starts.reduce((a, b) => (b > a ? b : a), starts[0] ?? nanos(0));
  const sql = `SELECT trace_id, span_id, parent_span_id, service, start_time AS start, duration, status_code FROM spans
WHERE trace_id IN (${ids.map(sqlText).join(", ")}) AND start_time >= ${sqlTime(nanos(from - MARGIN))} AND start_time < ${sqlTime(nanos(to + MARGIN))}`;
  const { data } = useSql(sql, row, { doing: "read the examples’ traces", enabled: ids.length > 0, immutable: true, rowLimit: 5000 });
  if (ids.length === 0 || !data) return NONE;
  return data.rows.map((span) => ({ ...span, parent_span_id: span.parent_span_id ?? null, failed: span.status_code === 2 }));
}

const good = v.object({ trace_id: v.string(), start: nanosSchema, duration: nanosSchema });

/** A good event of the same service and name, as near as may be to the first example: none of the examples, and where those were slow a faster one than any. */
export function useGoodExample(explanation: Explanation | undefined) {
  const first = explanation?.examples[0];
  const at = first?.start ?? nanos(0);
  const bad = tracesOf(explanation).map(sqlText);
  const slow = explanation?.examples.filter((one) => one.culprit?.how === "slow").map((one) => one.duration) ?? [];
  const fastest = slow.reduce<bigint | null>((least, one) => (least === null || one < least ? one : least), null);
  const sql = `SELECT trace_id, start_time AS start, duration FROM spans
WHERE service = ${sqlText(first?.service ?? "")} AND name = ${sqlText(first?.name ?? "")} AND status_code <> 2 ${bad.length === 0 ? "" : `AND trace_id NOT IN (${bad.join(", ")})`}${fastest === null ? "" : ` AND duration < ${fastest}`} AND start_time >= ${sqlTime(nanos(at - 60n * NS_PER_S))} AND start_time < ${sqlTime(nanos(at + 60n * NS_PER_S))}
ORDER BY abs(CAST(start_time AS BIGINT) - ${at}) LIMIT 1`;
  const { data } = useSql(sql, good, { doing: "find a good event", enabled: first !== undefined, immutable: true, rowLimit: 1 });
  return first ? (data?.rows[0] ?? null) : null;
}
