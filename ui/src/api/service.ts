/** All of one service: its operations, failures, slow requests, patterns of logs, instances, versions. Each a question of its own, asked when shown. */

import * as v from "valibot";
import type { Range } from "@/model/range";
import { type Nanos, NS_PER_S } from "@/model/time";
import type { Grid } from "@/model/traffic";
import type { QueryOptions, Result } from "./query";
import { nanos, number } from "./scalar";
import { type SqlAnswer, sqlRange, sqlText, useSql } from "./sql";

/** The service, and the operation that all is about; empty is every one. */
export interface Subject {
  service: string;
  operation: string;
}

const ROWS_MAX = 100_000;
const bin = (step: Nanos, column: string) => `date_bin(INTERVAL '${step / NS_PER_S} seconds', ${column})`;
const spansOf = ({ service, operation }: Subject, range: Range) => `service = ${sqlText(service)}${operation === "" ? "" : ` AND name = ${sqlText(operation)}`} AND ${sqlRange(range, "start_time")}`;
/** What is a number in a text counts as the same: `timed out after # ms`. */
const pattern = (column: string) => `regexp_replace(CAST(${column} AS VARCHAR), '[0-9]+', '#', 'g')`;
const TYPE = "attributes['error.type'], 'HTTP ' || CAST(attributes['http.response.status_code'] AS VARCHAR)";
/** What a span failed of; where it does not say, its message. */
const errorType = `coalesce(${TYPE}, nullif(CAST(status_message AS VARCHAR), ''), 'error')`;
/** The same where the message stands beside it. */
const knownType = `coalesce(${TYPE}, 'error')`;

const quantile = v.nullable(number);
const operationRow = v.object({ name: v.nullable(v.string()), kind: v.nullable(v.number()), at: v.nullable(nanos), count: number, errors: number, p50: quantile, p95: quantile, p99: quantile });
export type OperationRow = v.InferOutput<typeof operationRow>;

/** Per operation and bucket, per operation (`at` null), and of all requests per bucket (`name` null). */
export function operationsSql(service: string, grid: Grid): string {
  const quantiles = (histogram: string) => [0.5, 0.95, 0.99].map((q) => `histogram_quantile(${q}, ${histogram}) AS p${q * 100}`).join(", ");
  return (
    `WITH minutes AS (SELECT name, kind, ${bin(grid.step, "minute")} AS at, sum(count) AS count, sum(errors) AS errors, histogram_sum(duration_histogram) AS durations ` +
    `FROM red WHERE service = ${sqlText(service)} AND ${sqlRange(grid.range, "minute")} GROUP BY 1, 2, 3) ` +
    `SELECT name, kind, at, count, errors, ${quantiles("durations")} FROM minutes ` +
    `UNION ALL SELECT name, kind, NULL, sum(count), sum(errors), ${quantiles("histogram_sum(durations)")} FROM minutes GROUP BY 1, 2 ` +
    `UNION ALL SELECT NULL, NULL, at, sum(count), sum(errors), ${quantiles("histogram_sum(durations)")} FROM minutes WHERE kind IN (2, 5) GROUP BY at`
  );
}

export const useOperations = (service: string, grid: Grid, options: QueryOptions = {}): Result<SqlAnswer<OperationRow>> =>
  useSql(operationsSql(service, grid), operationRow, { doing: `read the operations of ${service}`, rowLimit: ROWS_MAX, poll: true, ...options });

const typeRow = v.object({ at: nanos, type: v.string(), count: number });
export type TypeRow = v.InferOutput<typeof typeRow>;

/** Failed requests by what they failed of. */
export const useErrorTypes = (subject: Subject, grid: Grid): Result<SqlAnswer<TypeRow>> =>
  useSql(
    `SELECT ${bin(grid.step, "start_time")} AS at, ${errorType} AS type, count(*) AS count FROM spans WHERE ${spansOf(subject, grid.range)} AND status_code = 2 AND kind IN (2, 5) GROUP BY 1, 2`,
    typeRow, { doing: "read errors by type", rowLimit: ROWS_MAX },
  );

const failureRow = v.object({ name: v.string(), type: v.string(), message: v.nullable(v.string()), at: nanos, count: number, first: nanos, last: nanos, trace_id: v.string() });
export type FailureRow = v.InferOutput<typeof failureRow>;

/** Failed spans by operation, type and pattern of the message, over time. */
export const failuresSql = (subject: Subject, grid: Grid): string =>
  `SELECT name, ${knownType} AS type, ${pattern("status_message")} AS message, ${bin(grid.step, "start_time")} AS at, count(*) AS count, min(start_time) AS first, max(start_time) AS last, ` +
  `max(hex(trace_id)) AS trace_id FROM spans WHERE ${spansOf(subject, grid.range)} AND status_code = 2 GROUP BY 1, 2, 3, 4`;

export const useFailures = (subject: Subject, grid: Grid): Result<SqlAnswer<FailureRow>> =>
  useSql(failuresSql(subject, grid), failureRow, { doing: "group errors", rowLimit: ROWS_MAX });

const slowRow = v.object({ trace_id: v.string(), span_id: v.string(), name: v.string(), start_time: nanos, duration: nanos, status_code: v.number(), version: v.nullable(v.string()) });
export type SlowRow = v.InferOutput<typeof slowRow>;

export const slowSql = (subject: Subject, range: Range): string =>
  `SELECT hex(trace_id) AS trace_id, hex(span_id) AS span_id, name, start_time, duration, status_code, resource['service.version'] AS version FROM spans WHERE ${spansOf(subject, range)} AND kind IN (2, 5) ORDER BY duration DESC LIMIT 50`;

export const useSlow = (subject: Subject, range: Range): Result<SqlAnswer<SlowRow>> => useSql(slowSql(subject, range), slowRow, { doing: "find slow requests" });

const patternRow = v.object({ pattern: v.string(), severity: v.number(), at: nanos, count: number, last: nanos });
export type PatternRow = v.InferOutput<typeof patternRow>;

export const useLogPatterns = (service: string, grid: Grid, options: QueryOptions): Result<SqlAnswer<PatternRow>> =>
  useSql(
    `SELECT ${pattern("body")} AS pattern, severity_number AS severity, ${bin(grid.step, "time")} AS at, count(*) AS count, max(time) AS last FROM logs ` +
      `WHERE service = ${sqlText(service)} AND ${sqlRange(grid.range, "time")} AND body IS NOT NULL GROUP BY 1, 2, 3`,
    patternRow, { doing: "group log records", rowLimit: ROWS_MAX, ...options },
  );

const instanceRow = v.object({ instance: v.nullable(v.string()), version: v.nullable(v.string()), host: v.nullable(v.string()), count: number, errors: number, p99: quantile, last: nanos });
export type InstanceRow = v.InferOutput<typeof instanceRow>;

export const useInstances = (subject: Subject, range: Range, options: QueryOptions): Result<SqlAnswer<InstanceRow>> =>
  useSql(
    `SELECT resource['service.instance.id'] AS instance, resource['service.version'] AS version, resource['host.name'] AS host, count(*) AS count, ` +
      `sum(CASE WHEN status_code = 2 THEN 1 ELSE 0 END) AS errors, approx_percentile_cont(CAST(duration AS DOUBLE), 0.99) AS p99, max(start_time) AS last FROM spans WHERE ${spansOf(subject, range)} AND kind IN (2, 5) GROUP BY 1, 2, 3`,
    instanceRow, { doing: "read instances", ...options },
  );

const metricRow = v.object({ name: v.string(), type: v.string(), unit: v.string(), series: number });
export type MetricRow = v.InferOutput<typeof metricRow>;

export const useServiceMetrics = (service: string, options: QueryOptions): Result<SqlAnswer<MetricRow>> =>
  useSql(`SELECT name, type, unit, count(*) AS series FROM series WHERE service = ${sqlText(service)} GROUP BY 1, 2, 3 ORDER BY 1`, metricRow, { doing: "list metrics", ...options });

const resourceRow = v.object({ resource: v.string(), count: number });

/** Resources as JSON texts, the most frequent first. */
export const useResources = (service: string, range: Range, options: QueryOptions): Result<SqlAnswer<v.InferOutput<typeof resourceRow>>> =>
  useSql(
    `SELECT CAST(resource AS VARCHAR) AS resource, count(*) AS count FROM spans WHERE ${spansOf({ service, operation: "" }, range)} GROUP BY 1 ORDER BY 2 DESC LIMIT 500`,
    resourceRow, { doing: "read resources", ...options },
  );

const versionRow = v.object({ version: v.nullable(v.string()), at: nanos, count: number, errors: number, p50: quantile, p99: quantile });
export type VersionRow = v.InferOutput<typeof versionRow>;

export const useVersionTraffic = (subject: Subject, grid: Grid, options: QueryOptions): Result<SqlAnswer<VersionRow>> =>
  useSql(
    `SELECT resource['service.version'] AS version, ${bin(grid.step, "start_time")} AS at, count(*) AS count, sum(CASE WHEN status_code = 2 THEN 1 ELSE 0 END) AS errors, ` +
      `approx_percentile_cont(CAST(duration AS DOUBLE), 0.5) AS p50, approx_percentile_cont(CAST(duration AS DOUBLE), 0.99) AS p99 FROM spans WHERE ${spansOf(subject, grid.range)} AND kind IN (2, 5) GROUP BY 1, 2`,
    versionRow, { doing: "compare versions", rowLimit: ROWS_MAX, ...options },
  );
