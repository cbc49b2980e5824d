/** Log search: rows page by page, counts over time, values of fields, what lies around a record. */

import { useInfiniteQuery, type InfiniteData, type UseInfiniteQueryResult } from "@tanstack/react-query";
import * as v from "valibot";
import type { Range } from "@/model/range";
import { type Nanos, nanos as toNanos } from "@/model/time";
import { preferences } from "@/preferences/preferences";
import { ask } from "./client";
import type { ApiError } from "./error";
import { keyOf, type QueryOptions, type Result, useApi } from "./query";
import { integer, nanos } from "./scalar";
import { stats } from "./sql";
import { listen } from "./stream";

/** One line of the list. What else a record has is asked for when it is opened. */
export interface LogRow {
  /** Its time, and its place among those of one time: stable, for links. */
  key: string;
  /** Its own id, where it is known: rows of a tail. */
  id?: string;
  time: Nanos;
  /** `error`, `warn`, …; empty when the sender gave none. */
  severity: string;
  service: string;
  body: string;
  traceId: string | null;
  spanId: string | null;
  /** Values of the columns that were asked for, in their order. */
  extra: unknown[];
}

const ROW_FIELDS = ["time", "severity", "service", "body", "trace_id", "span_id"];

const textOf = (value: unknown): string => (typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value));
const idOf = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

/** Cells of `| fields …`; `null` when the answer is of another shape. */
export function rowOf(cells: unknown): LogRow | null {
  if (!Array.isArray(cells) || typeof cells[0] !== "string" || !/^-?\d+$/.test(cells[0])) return null;
  const [time, severity, service, body, traceId, spanId, ...extra] = cells as [string, ...unknown[]];
  return { key: time, time: toNanos(time), severity: textOf(severity), service: textOf(service), body: textOf(body), traceId: idOf(traceId), spanId: idOf(spanId), extra };
}

// Thousands of rows at once: their cells are checked by hand, in one pass.
const rows = v.pipe(
  v.custom<unknown[]>(Array.isArray),
  v.rawTransform(({ dataset, addIssue, NEVER }): LogRow[] => {
    const out: LogRow[] = [];
    for (const cells of dataset.value) {
      const row = rowOf(cells);
      if (!row) {
        addIssue({ message: "rows" });
        return NEVER;
      }
      out.push(row);
    }
    return out;
  }),
);
const page = v.object({ rows, truncated: v.boolean(), cursor: v.nullish(v.string()), stats });
export type LogPage = v.InferOutput<typeof page>;

const FIRST_PAGE = 500;
const NEXT_PAGE = 5000;

const quoted = (field: string): string => (/^[\p{L}_@$][\p{L}\p{N}_.@$/-]*$/u.test(field) ? field : `"${field.replaceAll(/["\\]/g, "\\$&")}"`);

/** Newest first; `fetchNextPage` goes on by cursor. `columns` are keys of further values. */
export function useLogRows(search: string, columns: string[], range: Range, options: { enabled?: boolean } = {}): UseInfiniteQueryResult<InfiniteData<LogPage>, ApiError> {
  const query = `${search} | fields ${[...ROW_FIELDS, ...columns.map(quoted)].join(", ")}`;
  return useInfiniteQuery<LogPage, ApiError, InfiniteData<LogPage>, readonly unknown[], string | null>({
    queryKey: keyOf({ path: "/api/v1/logs", params: { query } }, [preferences().tenant, "log rows", query, range]),
    queryFn: ({ pageParam, signal }) =>
      ask({
        doing: "read logs", path: "/api/v1/logs", schema: page, signal,
        params: { query, start: range.from, end: range.to, limit: pageParam === null ? FIRST_PAGE : NEXT_PAGE, cursor: pageParam },
      }),
    initialPageParam: null,
    getNextPageParam: (last) => last.cursor ?? null,
    enabled: options.enabled ?? true,
  });
}

/** Whether a query can be read: asked of a moment that holds nothing, so that it costs nothing. */
export const useReadLogQuery = (query: string): Result<unknown> =>
  useApi({ doing: "read the query", path: "/api/v1/logs", params: { query, start: 0, end: 1, limit: 1 }, schema: v.unknown() }, { enabled: query.trim() !== "", immutable: true });

const histogram = v.object({
  step: nanos,
  buckets: v.array(v.object({ time: nanos, count: v.number(), severities: v.record(v.string(), v.number()) })),
  stats,
});
export type LogHistogram = v.InferOutput<typeof histogram>;

/** How many records there are over time, by severity. */
export const useLogHistogram = (query: string, range: Range, step: Nanos, options: QueryOptions = {}): Result<LogHistogram> =>
  useApi({ doing: "count logs over time", path: "/api/v1/logs/histogram", params: { query, start: range.from, end: range.to, step: `${step}ns` }, schema: histogram }, options);

const facet = v.object({
  field: v.string(), distinct: v.number(), missing: v.number(),
  values: v.array(v.object({ value: v.unknown(), count: v.number() })),
});
const facets = v.object({ total: v.number(), facets: v.array(facet), stats });
export type LogFacet = v.InferOutput<typeof facet>;
export type LogFacets = v.InferOutput<typeof facets>;

const facetRequest = (query: string, range: Range, fields: readonly string[], limit: number) => ({
  doing: "count values of fields", path: "/api/v1/logs/facets",
  params: { query, start: range.from, end: range.to, fields: fields.join(","), limit }, schema: facets,
});

/** The most frequent values of fields. */
export const useLogFacets = (query: string, range: Range, fields: readonly string[], limit: number, options: QueryOptions = {}): Result<LogFacets> =>
  useApi(facetRequest(query, range, fields, limit), { ...options, enabled: fields.length > 0 && (options.enabled ?? true) });

/** The same, outside of a hook: for completion. */
export const askLogFacets = (query: string, range: Range, fields: readonly string[], limit: number): Promise<LogFacets> => ask(facetRequest(query, range, fields, limit));

const attributes = v.record(v.string(), v.unknown());
const record = v.object({
  id: v.string(), time: nanos, time_origin: v.nullish(v.string()), observed_time: v.nullish(nanos),
  severity: v.string(), severity_number: v.number(), body: v.unknown(),
  trace_id: v.nullish(v.string()), span_id: v.nullish(v.string()), service: v.string(),
  resource: v.looseObject({ attributes }),
  scope: v.looseObject({ name: v.string(), version: v.nullish(v.string()), attributes: v.nullish(attributes) }),
  attributes, event_name: v.nullish(v.string()), ingested_at: nanos,
});
export type LogRecord = v.InferOutput<typeof record>;
const records = v.object({ logs: v.array(record), cursor: v.nullish(v.string()), stats });

/** Whole records, newest first. */
export const useLogRecords = (query: string, range: Range, limit: number, options: QueryOptions = {}) =>
  useApi({ doing: "read logs", path: "/api/v1/logs", params: { query, start: range.from, end: range.to, limit }, schema: records }, options);

const context = v.object({ before: v.array(record), record, after: v.array(record), stats });
export type LogContext = v.InferOutput<typeof context>;

/** One record whole: by its id, or as the one of its place among those at its time that match `query`. */
export function useLogRecord(query: string, row: Pick<LogRow, "id" | "key" | "time">): Result<LogRecord | null> {
  const nth = Number(row.key.split(".")[1] ?? 0);
  const byPlace = v.pipe(records, v.transform((answer): LogRecord | null => answer.logs[nth] ?? null));
  const byId = v.pipe(context, v.transform((answer): LogRecord | null => answer.record));
  const doing = "read this record";
  return useApi(
    row.id === undefined
      ? { doing, path: "/api/v1/logs", params: { query, start: row.time, end: row.time + 1n, limit: nth + 1 }, schema: byPlace }
      : { doing, path: "/api/v1/logs/context", params: { id: row.id, before: 0, after: 0 }, schema: byId },
    { immutable: true },
  );
}

/** The records around one. */
export const useLogContext = (id: string, of: "resource" | "everything", each: number): Result<LogContext> =>
  useApi({ doing: "read what lies around this record", path: "/api/v1/logs/context", params: { id, of, before: each, after: each }, schema: context });

const table = v.object({
  columns: v.array(v.object({ name: v.string(), type: v.string() })),
  rows: v.array(v.array(v.unknown())), truncated: v.boolean(), stats,
});
export type LogTable = v.InferOutput<typeof table>;

/** What pipes make of all records that match. */
export const useLogTable = (query: string, range: Range, doing: string, options: QueryOptions = {}): Result<LogTable> =>
  useApi({ doing, path: "/api/v1/logs", params: { query, start: range.from, end: range.to }, schema: table }, options);

const pattern = v.pipe(
  v.tuple([v.nullable(v.string()), integer, v.nullable(v.string()), nanos, nanos, v.nullable(v.unknown())]),
  v.transform(([template, count, severity, first, last, sample]) => ({ template, count: Number(count), severity: severity ?? "", first, last, sample: textOf(sample) })),
);
export type LogPattern = v.InferOutput<typeof pattern>;
const patterns = v.object({ rows: v.array(pattern), stats });

/** What kinds of lines there are. */
export const useLogPatterns = (query: string, range: Range, options: QueryOptions = {}): Result<v.InferOutput<typeof patterns>> =>
  useApi({ doing: "find patterns", path: "/api/v1/logs", params: { query: `${query} | pattern`, start: range.from, end: range.to }, schema: patterns }, options);

/** What a tail is told. */
const tailed = v.pipe(
  record,
  v.transform((one): LogRow => ({
    key: one.id, id: one.id, time: one.time, severity: severityClass(one.severity_number, one.severity), service: one.service, body: textOf(one.body),
    traceId: one.trace_id ?? null, spanId: one.span_id ?? null, extra: [],
  })),
);
const notice = v.object({ rows: v.number(), reason: v.string(), message: v.string() });

/** OpenTelemetry's numbers, four to a class; without one the sender's word. */
export function severityClass(number: number, word = ""): string {
  return ["trace", "debug", "info", "warn", "error", "fatal"][Math.ceil(number / 4) - 1] ?? word.toLowerCase();
}

export interface TailListener {
  onRow: (row: LogRow) => void;
  /** So many that match, or arrived, are not told of. */
  onSkipped: (rows: number) => void;
}

/** Follows what arrives until `signal`; throws when the stream ends by an error. */
export const tailLogs = (query: string, listener: TailListener, signal: AbortSignal): Promise<void> =>
  listen({ doing: "follow the logs", path: "/api/v1/logs/tail", params: { query }, signal }, (name, data) => {
    if (name === "log") listener.onRow(v.parse(tailed, data));
    else if (name === "notice") listener.onSkipped(v.parse(notice, data).rows);
  });
