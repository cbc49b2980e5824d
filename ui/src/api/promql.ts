/** PromQL: series over time, exemplars, what metrics there are. */

import * as v from "valibot";
import type { Range } from "@/model/range";
import { fromSeconds, type Nanos } from "@/model/time";
import { type QueryOptions, type Result, useApi } from "./query";
import { nanos } from "./scalar";
import { type SqlAnswer, useSql } from "./sql";

const labels = v.record(v.string(), v.string());
export type Labels = v.InferOutput<typeof labels>;
const point = v.tuple([v.number(), v.pipe(v.string(), v.transform(Number))]);
const series = v.object({ metric: labels, values: v.optional(v.array(point), []) });
export type PromSeries = v.InferOutput<typeof series>;
const answered = { warnings: v.optional(v.array(v.string()), []), infos: v.optional(v.array(v.string()), []) };
const matrix = v.object({ ...answered, data: v.object({ result: v.array(series) }) });
export type Matrix = v.InferOutput<typeof matrix>;

/** Seconds with all their digits, as Prometheus takes them. */
const seconds = (time: Nanos): string => `${time / 1_000_000_000n}.${String(time % 1_000_000_000n).padStart(9, "0")}`;

/** The parameters of a range query, also for curl. */
export const rangeParams = (query: string, range: Range, step: Nanos) => ({ query, start: seconds(range.from), end: seconds(range.to), step: Number(step) / 1e9 });

export const useRangeQuery = (query: string, range: Range, step: Nanos, options: QueryOptions = {}): Result<Matrix> =>
  useApi({ doing: "compute this", path: "/prometheus/api/v1/query_range", params: rangeParams(query, range, step), schema: matrix }, { ...options, enabled: query !== "" && (options.enabled ?? true) });

const exemplars = v.object({
  data: v.array(v.object({
    seriesLabels: labels,
    exemplars: v.array(v.object({ labels, value: v.pipe(v.string(), v.transform(Number)), timestamp: v.pipe(v.number(), v.transform(fromSeconds)) })),
  })),
});
export type Exemplars = v.InferOutput<typeof exemplars>["data"];

/** Single observations behind the series of a query, with their traces. */
export function useExemplars(query: string, range: Range, options: QueryOptions = {}): Result<Exemplars> {
  const { start, end } = rangeParams(query, range, 1n as Nanos);
  const schema = v.pipe(exemplars, v.transform((answer) => answer.data));
  return useApi({ doing: "find exemplars", path: "/prometheus/api/v1/query_exemplars", params: { query, start, end }, schema }, { ...options, enabled: query !== "" && (options.enabled ?? true) });
}

const family = v.object({ type: v.string(), help: v.string(), unit: v.string() });
export type Family = v.InferOutput<typeof family>;
const metadata = v.pipe(v.object({ data: v.record(v.string(), v.array(family)) }), v.transform((answer) => new Map(Object.entries(answer.data).flatMap(([name, [first]]) => (first ? [[name, first] as const] : [])))));

/** Families by their PromQL name: type, help, unit. */
export const useMetricFamilies = (): Result<Map<string, Family>> => useApi({ doing: "list metrics", path: "/prometheus/api/v1/metadata", schema: metadata });

const names = v.pipe(v.object({ data: v.array(v.string()) }), v.transform((answer) => answer.data));
/** Values of a label within the range, of the series that match. */
export const useLabelValues = (label: string, range: Range, match = "", options: QueryOptions = {}): Result<string[]> =>
  useApi({ doing: "list values of a label", path: `/prometheus/api/v1/label/${encodeURIComponent(label)}/values`, params: { "match[]": match, start: seconds(range.from), end: seconds(range.to) }, schema: names }, options);
/** Names of labels of the series that match. */
export const useLabelNames = (range: Range, match: string, options: QueryOptions = {}): Result<string[]> =>
  useApi({ doing: "list labels", path: "/prometheus/api/v1/labels", params: { "match[]": match, start: seconds(range.from), end: seconds(range.to) }, schema: names }, options);

const sent = v.object({
  name: v.string(), type: v.string(), temporality: v.nullable(v.number()), is_monotonic: v.nullable(v.boolean()),
  unit: v.nullable(v.string()), description: v.nullable(v.string()), series: v.number(), seen: nanos,
});
export type SentMetric = v.InferOutput<typeof sent>;
const SENT = `SELECT name, type, temporality, is_monotonic, unit, max(description) AS description, count(DISTINCT series_id) AS series, max(ingested_at) AS seen
FROM series GROUP BY name, type, temporality, is_monotonic, unit ORDER BY name`;

/** Metrics as their senders named them. */
export const useSentMetrics = (): Result<SqlAnswer<SentMetric>> => useSql(SENT, sent, { doing: "list metrics" });

const counted = v.object({ name: v.string(), series: v.number() });
const cardinality = v.object({
  since: nanos, series: v.number(), limits: v.object({ series: v.number(), label_values: v.number() }), overflowed: v.number(),
  metrics: v.array(counted), labels: v.array(v.object({ name: v.string(), series: v.number(), values: v.number() })),
  sources: v.array(v.object({ source: v.string(), series: v.number() })), growth: v.array(v.object({ time: nanos, new_series: v.number() })),
});
export type Cardinality = v.InferOutput<typeof cardinality>;

/** What the series that are sent now are made of. */
export const useCardinality = (limit: number): Result<Cardinality> => useApi({ doing: "count series", path: "/api/v1/cardinality", params: { limit }, schema: cardinality }, { poll: true });
