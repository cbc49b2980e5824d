/** Load tests: what their tools registered, and what the server saw of the same requests. */

import * as v from "valibot";
import { fromMs, type Nanos, nanos as toNanos } from "@/model/time";
import type { Range } from "@/model/range";
import { ask } from "./client";
import { type QueryOptions, type Result, useApi } from "./query";
import { number } from "./scalar";
import { type SqlAnswer, sqlRange, sqlText, useSql } from "./sql";

/** RFC 3339 with up to nine digits of a second, or nanoseconds. */
export function parseInstant(text: string): Nanos | null {
  if (/^\d+$/.test(text)) return toNanos(text);
  const parts = /^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[-+]\d\d:\d\d)$/.exec(text);
  const ms = parts ? Date.parse(`${(parts[1] ?? "").replace(" ", "T")}${(parts[3] ?? "Z").toUpperCase()}`) : NaN;
  return Number.isNaN(ms) ? null : toNanos(fromMs(ms) + BigInt((parts?.[2] ?? "").padEnd(9, "0")));
}

const instant = v.pipe(
  v.union([v.string(), v.number()]),
  v.rawTransform(({ dataset, addIssue, NEVER }): Nanos => {
    const time = parseInstant(String(dataset.value));
    if (time !== null) return time;
    addIssue({ message: "not a time" });
    return NEVER;
  }),
);

const pair = v.tuple([v.number(), v.number()]);
const latency = v.object({ min_ns: v.nullish(v.number()), max_ns: v.nullish(v.number()), mean_ns: v.nullish(v.number()), buckets: v.nullish(v.array(pair)), percentiles: v.nullish(v.array(pair)) });
const part = {
  requests: v.nullish(v.number(), 0), errors: v.nullish(v.number(), 0), intended_rate: v.nullish(v.number()), achieved_rate: v.nullish(v.number()), latency: v.nullish(latency),
};
const listOf = <T>(one: v.GenericSchema<unknown, T>) => v.nullish(v.array(one), []);

const run = v.object({
  id: v.string(),
  name: v.string(),
  tool: v.nullish(v.string()),
  tool_version: v.nullish(v.string()),
  target: v.nullish(v.string()),
  version: v.nullish(v.string()),
  labels: v.nullish(v.record(v.string(), v.string()), {}),
  state: v.nullish(v.string(), "finished"),
  started_at: instant,
  ended_at: v.nullish(instant),
  corrected: v.nullish(v.boolean()),
  behind_seconds_max: v.nullish(v.number()),
  services: listOf(v.string()),
  total: v.object(part),
  stages: listOf(v.object({ ...part, name: v.string(), started_at: v.nullish(instant), ended_at: v.nullish(instant) })),
  operations: listOf(v.object({ ...part, name: v.string(), service: v.nullish(v.string()), span_name: v.nullish(v.string()) })),
  timeline: listOf(v.object({ at: instant, seconds: v.nullish(v.number(), 1), intended: v.nullish(v.number()), requests: v.nullish(v.number(), 0), errors: v.nullish(v.number(), 0), p50_ns: v.nullish(v.number()), p99_ns: v.nullish(v.number()) })),
  thresholds: listOf(v.object({ expression: v.string(), actual: v.nullish(v.string()), passed: v.boolean() })),
  passed: v.nullish(v.boolean()),
});
export type Run = v.InferOutput<typeof run>;
export type Operation = Run["operations"][number];

export const RUNS_LISTED = 500;
export const runPath = (id: string): string => `/api/v1/runs/${encodeURIComponent(id)}`;

export const useRuns = (): Result<{ runs: Run[] }> =>
  useApi({ doing: "list load tests", path: "/api/v1/runs", params: { limit: RUNS_LISTED }, schema: v.object({ runs: v.array(run) }) }, { poll: true });

/** What a page asks of one run; others of a comparison are asked the same way. */
export const runRequest = (id: string) => ({ doing: `read the load test ${id}`, path: runPath(id), schema: run });
export const useRun = (id: string, options: QueryOptions = {}): Result<Run> => useApi(runRequest(id), { poll: true, ...options });
export const deleteRun = (id: string): Promise<unknown> => ask({ doing: "delete the load test", method: "DELETE", path: runPath(id), schema: v.unknown() });

const seen = v.object({ service: v.string(), name: v.string(), spans: number, errors: number, p50: v.nullable(number), p99: v.nullable(number) });
export type Seen = v.InferOutput<typeof seen>;

/** The run's time; what still runs has lasted until now. */
export const windowOf = (one: Pick<Run, "started_at" | "ended_at">, now: Nanos): Range => ({ from: one.started_at, to: one.ended_at && one.ended_at > one.started_at ? one.ended_at : now });

/** Requests as the services saw them, by the run's own time: the operations it names, else all requests of its services. Null when it names neither. */
export function seenSql(one: Pick<Run, "services" | "operations">, window: Range): string | null {
  const named = one.operations.flatMap(({ service, span_name, name }) => (service ? [`(service = ${sqlText(service)} AND name = ${sqlText(span_name ?? name)})`] : []));
  const of = named.length > 0 ? named.join(" OR ") : one.services.length > 0 ? `service IN (${one.services.map(sqlText).join(", ")})` : null;
  if (of === null) return null;
  return (
    "SELECT service, name, count(*) AS spans, sum(CASE WHEN status_code = 2 THEN 1 ELSE 0 END) AS errors, approx_percentile_cont(duration, 0.5) AS p50, approx_percentile_cont(duration, 0.99) AS p99\n" +
    `FROM spans WHERE ${sqlRange(window, "start_time")} AND kind IN (2, 5) AND (${of})\nGROUP BY service, name ORDER BY spans DESC`
  );
}

export const useSeen = (sql: string | null): Result<SqlAnswer<Seen>> => useSql(sql ?? "", seen, { doing: "read what the services saw of it", rowLimit: 500, enabled: sql !== null });

const effect = v.object({ slo: v.string(), objective: number, during_bad: number, during_total: number, before_bad: number, before_total: number });
export type Effect = v.InferOutput<typeof effect>;

/** What SLOs counted during the run, and in as long a time before it. Slices are of ten seconds. */
export function effectSql(window: Range): string {
  const before = { from: toNanos(window.from - (window.to - window.from)), to: window.from };
  const sums = (name: string, range: Range) => `sum(CASE WHEN ${sqlRange(range, "slice")} THEN total - good ELSE 0 END) AS ${name}_bad, sum(CASE WHEN ${sqlRange(range, "slice")} THEN total ELSE 0 END) AS ${name}_total`;
  return `SELECT slo, objective, ${sums("during", window)}, ${sums("before", before)}\nFROM slo_slices WHERE "group" IS NULL AND ${sqlRange({ from: before.from, to: window.to }, "slice")} GROUP BY slo, objective ORDER BY slo, objective`;
}

export const useEffectOnSlos = (window: Range): Result<SqlAnswer<Effect>> => useSql(effectSql(window), effect, { doing: "read what SLOs counted meanwhile", rowLimit: 2000 });

