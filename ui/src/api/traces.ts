/** Traces found by TraceQL: pages, durations over time, names and values. */

import { type InfiniteData, useInfiniteQuery, type UseInfiniteQueryResult } from "@tanstack/react-query";
import * as v from "valibot";
import type { Range } from "@/model/range";
import { toSeconds } from "@/model/time";
import { preferences } from "@/preferences/preferences";
import { ask } from "./client";
import type { ApiError } from "./error";
import { keyOf, type QueryOptions, type Result, useApi } from "./query";
import { nanos } from "./scalar";
import { stats } from "./sql";

const word = v.pipe(v.union([v.string(), v.number()]), v.transform(String));
const found = v.object({
  trace_id: v.string(),
  root_service: v.nullable(v.string()),
  root_name: v.nullable(v.string()),
  start_time: nanos,
  duration: nanos,
  orphans: v.number(),
  services: v.record(v.string(), v.object({ spans: v.number(), errors: v.number() })),
  sets: v.array(v.object({
    matched: v.number(),
    attributes: v.record(v.string(), v.unknown()),
    spans: v.array(v.object({ span_id: v.string(), service: v.string(), name: v.string(), start_time: nanos, duration: nanos, status: word, attributes: v.record(v.string(), v.unknown()) })),
  })),
});
export type FoundTrace = v.InferOutput<typeof found>;
const page = v.object({ traces: v.array(found), cursor: v.nullable(v.string()), stats });
export type TracePage = v.InferOutput<typeof page>;

/** Traces of a page, and spans shown of each set. */
export const PAGE = 500;
const SPANS = 5;

export const searchParams = (query: string, range: Range) => ({ query, start: range.from, end: range.to, limit: PAGE, spans: SPANS });

/** Newest first, page by page by cursor. */
export const useTraceSearch = (query: string, range: Range): UseInfiniteQueryResult<InfiniteData<TracePage>, ApiError> =>
  useInfiniteQuery<TracePage, ApiError, InfiniteData<TracePage>, readonly unknown[], string>({
    queryKey: keyOf({ path: "/api/v1/traces", params: searchParams(query, range) }, [preferences().tenant, "traces", query, range.from, range.to]),
    queryFn: ({ signal, pageParam }) => ask({ doing: "search traces", path: "/api/v1/traces", params: { ...searchParams(query, range), cursor: pageParam }, schema: page, signal }),
    initialPageParam: "",
    getNextPageParam: (last) => last.cursor,
  });

/** One page of as many, for a panel. */
export const useTracePage = (query: string, range: Range, limit: number, options: QueryOptions = {}): Result<TracePage> =>
  useApi({ doing: "search traces", path: "/api/v1/traces", params: { ...searchParams(query, range), limit }, schema: page }, options);

const labelValue = v.object({ stringValue: v.optional(v.string()), doubleValue: v.optional(v.number()), intValue: v.optional(v.union([v.string(), v.number()])), boolValue: v.optional(v.boolean()) });
const seconds = v.pipe(v.string(), v.transform((ms) => Number(ms) / 1000));
const series = v.object({
  series: v.array(v.object({
    labels: v.array(v.object({ key: v.string(), value: labelValue })),
    samples: v.array(v.object({ timestampMs: seconds, value: v.optional(v.number(), 0) })),
  })),
});

export interface Cells {
  /** Starts of intervals, in seconds, and how long they are. */
  times: number[];
  step: number;
  /** Upper edges in seconds, powers of two; each bucket reaches down to half of it. */
  buckets: { upTo: number; counts: number[] }[];
}

/** Spans that a query finds, by time and by powers of two of their duration. */
export function useDurations(query: string, range: Range, step: number, options: QueryOptions = {}): Result<Cells> {
  const shape = v.pipe(series, v.transform((answer): Cells => {
    const times = [...new Set(answer.series.flatMap((one) => one.samples.map((sample) => sample.timestampMs)))].sort((a, b) => a - b);
    const place = new Map(times.map((time, i) => [time, i]));
    const buckets = answer.series.map((one) => {
      const counts = times.map(() => 0);
      for (const sample of one.samples) counts[place.get(sample.timestampMs) ?? 0] = sample.value;
      return { upTo: one.labels.find((label) => label.key === "__bucket")?.value.doubleValue ?? 0, counts };
    });
    return { times, step, buckets: buckets.sort((a, b) => a.upTo - b.upTo) };
  }));
  const params = { q: `${query} | histogram_over_time(duration)`, start: Math.floor(toSeconds(range.from)), end: Math.ceil(toSeconds(range.to)), step: `${step}s`, exemplars: 0 };
  return useApi({ doing: "read durations over time", path: "/tempo/api/metrics/query_range", params, schema: shape }, options);
}

const counted = v.object({ series: v.array(v.object({ value: v.optional(v.number(), 0) })) });

const sum = v.pipe(counted, v.transform((answer) => answer.series.reduce((all, one) => all + one.value, 0)));
const countRequest = (query: string, range: Range) => ({
  doing: "count spans", path: "/tempo/api/metrics/query", schema: sum,
  params: { q: `${query} | count_over_time()`, start: Math.floor(toSeconds(range.from)), end: Math.ceil(toSeconds(range.to)) },
});

/** How many spans one query finds. */
export const askCount = (query: string, range: Range, signal: AbortSignal): Promise<number> => ask({ ...countRequest(query, range), signal });
export const useSpanCount = (query: string, range: Range, options: QueryOptions = {}): Result<number> => useApi(countRequest(query, range), options);

const tags = v.object({ scopes: v.array(v.object({ name: v.string(), tags: v.array(v.string()) })) });

/** Fields as TraceQL writes them, and by whom they are. */
export const askFields = async (range: Range): Promise<{ field: string; scope: string }[]> => {
  const params = { start: Math.floor(toSeconds(range.from)), end: Math.ceil(toSeconds(range.to)) };
  const { scopes } = await ask({ doing: "list attributes", path: "/tempo/api/v2/search/tags", params, schema: tags });
  return scopes.flatMap(({ name, tags: keys }) => keys.map((key) => ({ field: name === "intrinsic" ? key : `${name}.${/^[\w.:/-]+$/.test(key) ? key : `"${key}"`}`, scope: name })));
};

const values = v.object({ tagValues: v.array(v.object({ type: v.string(), value: word })) });

/** Values that a field has, as TraceQL writes them. */
export const askValues = async (field: string, range: Range, limit = 200): Promise<{ type: string; value: string }[]> => {
  const params = { start: Math.floor(toSeconds(range.from)), end: Math.ceil(toSeconds(range.to)), limit };
  const answer = await ask({ doing: `list values of ${field}`, path: `/tempo/api/v2/search/tag/${encodeURIComponent(field)}/values`, params, schema: values });
  return answer.tagValues;
};

export const useValues = (field: string, range: Range): Result<{ type: string; value: string }[]> =>
  useApi({
    doing: `list values of ${field}`, path: `/tempo/api/v2/search/tag/${encodeURIComponent(field)}/values`,
    // Whole hours: moving on with the clock changes no names.
    params: { start: Math.floor(toSeconds(range.from) / 3600) * 3600, end: Math.ceil(toSeconds(range.to) / 3600) * 3600, limit: 500 },
    schema: v.pipe(values, v.transform((answer) => answer.tagValues)),
  });
