/** What panels ask: the same question in any language, answered as series or as a table. */

import * as v from "valibot";
import type { Range } from "@/model/range";
import { type Nanos, toSeconds } from "@/model/time";
import type { Params, Request } from "./client";
import { stats } from "./sql";

const column = v.object({ name: v.string(), type: v.string() });
const table = v.object({ columns: v.array(column), rows: v.array(v.array(v.unknown())), stats, truncated: v.boolean() });
const point = v.tuple([v.number(), v.pipe(v.string(), v.transform(Number))]);
const series = v.object({ metric: v.record(v.string(), v.string()), values: v.array(point) });
export type PanelSeries = v.InferOutput<typeof series>;

export type PanelAnswer =
  | { shape: "series"; series: PanelSeries[]; warnings: string[] }
  | { shape: "table"; table: v.InferOutput<typeof table>; warnings: string[] };

const ofTable = v.pipe(table, v.transform((answer): PanelAnswer => ({ shape: "table", table: answer, warnings: answer.stats.warnings })));

const prometheus = v.pipe(
  v.object({ warnings: v.optional(v.array(v.string()), []), data: v.object({ result: v.array(series) }) }),
  v.transform((answer): PanelAnswer => ({ shape: "series", series: answer.data.result, warnings: answer.warnings })),
);

const streams = v.object({ stream: v.record(v.string(), v.string()), values: v.array(v.tuple([v.string(), v.string()])) });
const loki = v.pipe(
  v.object({ data: v.variant("resultType", [
    v.object({ resultType: v.literal("matrix"), result: v.array(series) }),
    v.object({ resultType: v.literal("streams"), result: v.array(streams) }),
  ]) }),
  v.transform(({ data }): PanelAnswer =>
    data.resultType === "matrix"
      ? { shape: "series", series: data.result, warnings: [] }
      : { shape: "table", table: linesTable(data.result), warnings: [] }),
);

const NO_STATS = { elapsed_ms: 0, segments: 0, segments_pruned: 0, row_groups_pruned: 0, pages_pruned: 0, rows_buffered: 0, rows_scanned: 0, rows_returned: 0, bytes_read: 0, warnings: [] };

/** Lines of streams in the columns that a log search has, newest first. */
function linesTable(found: v.InferOutput<typeof streams>[]): v.InferOutput<typeof table> {
  const rows = found.flatMap(({ stream, values }) => values.map(([at, line]): unknown[] => [at, stream.detected_level ?? "", stream.service_name ?? "", line, stream.trace_id ?? null, stream.span_id ?? null]));
  rows.sort((a, b) => (BigInt(String(a[0])) < BigInt(String(b[0])) ? 1 : -1));
  const columns = ["time", "severity", "service", "body", "trace_id", "span_id"].map((name) => ({ name, type: name === "time" ? "timestamp" : "string" }));
  return { columns, rows, stats: NO_STATS, truncated: false };
}

const label = v.object({ key: v.string(), value: v.object({ stringValue: v.optional(v.string()), doubleValue: v.optional(v.number()), intValue: v.optional(v.union([v.string(), v.number()])), boolValue: v.optional(v.boolean()) }) });
const tempo = v.pipe(
  v.object({ series: v.array(v.object({ labels: v.array(label), samples: v.array(v.object({ timestampMs: v.pipe(v.string(), v.transform((ms) => Number(ms) / 1000)), value: v.optional(v.number(), 0) })) })) }),
  v.transform((answer): PanelAnswer => ({
    shape: "series", warnings: [],
    series: answer.series.map(({ labels, samples }) => ({
      metric: Object.fromEntries(labels.map(({ key, value }) => [key, String(value.stringValue ?? value.doubleValue ?? value.intValue ?? value.boolValue ?? "")])),
      values: samples.map(({ timestampMs, value }): [number, number] => [timestampMs, value]),
    })),
  })),
);

const seconds = (time: Nanos): string => `${time / 1_000_000_000n}.${String(time % 1_000_000_000n).padStart(9, "0")}`;

export interface PanelQuestion {
  language: "promql" | "sql" | "traceql" | "logql" | "logs";
  /** With its variables in place. */
  text: string;
  range: Range;
  step: Nanos;
  /** Rows of a table, records of logs. */
  limit: number;
}

type PanelRequest = Omit<Request<PanelAnswer>, "signal">;

/** Rows of one answer at most. */
export const ROWS_MAX = 5000;

/** The request that answers a question. */
export function panelRequest({ language, text, range, step, limit }: PanelQuestion): PanelRequest {
  const get = (path: string, params: Params, schema: PanelRequest["schema"]): PanelRequest => ({ doing: "compute this", path, params, schema });
  const stepSeconds = Number(step) / 1e9;
  switch (language) {
    case "sql": return { doing: "answer this", path: "/api/v1/sql", body: { query: text, format: "json", row_limit: Math.min(limit, ROWS_MAX) }, schema: ofTable };
    case "promql": return get("/prometheus/api/v1/query_range", { query: text, start: seconds(range.from), end: seconds(range.to), step: stepSeconds }, prometheus);
    case "logql": return get("/loki/api/v1/query_range", { query: text, start: range.from, end: range.to, step: `${stepSeconds}s`, limit: Math.min(limit, 1000) }, loki);
    case "traceql": return get("/tempo/api/metrics/query_range", { q: text, start: Math.floor(toSeconds(range.from)), end: Math.ceil(toSeconds(range.to)), step: `${stepSeconds}s`, exemplars: 0 }, tempo);
    case "logs": return get("/api/v1/logs", { query: text, start: range.from, end: range.to, ...(/\|\s*fields\b/.test(text) ? { limit: Math.min(limit, 1000) } : {}) }, ofTable);
  }
}

const attributeValues = v.pipe(v.object({ tagValues: v.array(v.object({ value: v.union([v.string(), v.number()]) })) }), v.transform((answer) => answer.tagValues.map((one) => String(one.value))));
const labelValues = v.pipe(v.object({ data: v.array(v.string()) }), v.transform((answer) => answer.data));
const firstColumn = v.pipe(table, v.transform((answer) => [...new Set(answer.rows.flatMap(([cell]) => (cell === null || cell === undefined ? [] : [typeof cell === "string" ? cell : JSON.stringify(cell)])))]));

/** Values that a variable may take. Whole hours: moving on with the clock changes none. */
export function valuesRequest(kind: "sql" | "promql" | "attribute", text: string, range: Range): Omit<Request<string[]>, "signal"> {
  const hour = 3_600_000_000_000n;
  const [start, end] = [Number(range.from / hour) * 3600, Number(range.to / hour + 1n) * 3600];
  const doing = "list values";
  if (kind === "sql") return { doing, path: "/api/v1/sql", body: { query: text, format: "json", row_limit: 1000 }, schema: firstColumn };
  if (kind === "attribute") return { doing, path: `/tempo/api/v2/search/tag/${encodeURIComponent(text.trim())}/values`, params: { start, end, limit: 1000 }, schema: attributeValues };
  const named = /^\s*label_values\(\s*(?:(.*?)\s*,\s*)?([A-Za-z_]\w*)\s*\)\s*$/s.exec(text);
  return { doing, path: `/prometheus/api/v1/label/${encodeURIComponent(named?.[2] ?? text.trim())}/values`, params: { "match[]": named?.[1], start, end }, schema: labelValues };
}
