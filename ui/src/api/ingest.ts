/** What arrives, how late, what is refused, and what is kept of it. */

import * as v from "valibot";
import { type Exposed, parseExposition } from "@/model/exposition";
import { nanos as toNanos, NS_PER_S } from "@/model/time";
import type { Grid } from "@/model/traffic";
import { type QueryOptions, type Result, useApi } from "./query";
import { nanos, number } from "./scalar";
import { type SqlAnswer, sqlRange, useSql } from "./sql";

const ROWS_MAX = 200_000;

/** Each signal's table, the columns that say when a record happened, and when it arrived. */
const SIGNALS = [
  ["traces", "spans", "CAST(start_time AS BIGINT) + duration"],
  ["logs", "logs", "CAST(time AS BIGINT)"],
  ["metrics", "metric_points", "CAST(time AS BIGINT)"],
] as const;
export type SignalName = (typeof SIGNALS)[number][0];
const signal = v.picklist(["traces", "logs", "metrics"]);

const bin = (grid: Grid) => `date_bin(INTERVAL '${grid.step / NS_PER_S} seconds', ingested_at)`;
/** The grid and the interval that still runs: who was seen last is seen in it. */
const upToNow = (grid: Grid) => sqlRange({ from: grid.range.from, to: toNanos(grid.range.to + grid.step) }, "ingested_at");

const arrival = v.object({ signal, service: v.string(), at: nanos, records: number, last: nanos });
export type Arrival = v.InferOutput<typeof arrival>;

/** Records by signal, service and interval, by the time at which they arrived. */
export const arrivalsSql = (grid: Grid): string =>
  "WITH names AS (SELECT DISTINCT series_id, service FROM series), arrived AS (SELECT 'traces' AS signal, service, ingested_at FROM spans " +
  "UNION ALL SELECT 'logs', service, ingested_at FROM logs UNION ALL SELECT 'metrics', n.service, p.ingested_at FROM metric_points p JOIN names n ON p.series_id = n.series_id) " +
  `SELECT signal, service, ${bin(grid)} AS at, count(*) AS records, max(ingested_at) AS last FROM arrived WHERE ${upToNow(grid)} GROUP BY 1, 2, 3`;

export const useArrivals = (grid: Grid, options: QueryOptions = {}): Result<SqlAnswer<Arrival>> =>
  useSql(arrivalsSql(grid), arrival, { doing: "count what arrives", rowLimit: ROWS_MAX, poll: true, ...options });

const lag = v.object({ signal: v.nullable(signal), at: v.nullable(nanos), p50: v.nullable(number), p99: v.nullable(number) });
export type Lag = v.InferOutput<typeof lag>;

/** From a record's own time (a span's end) to its arrival: of all by interval, of each signal, of all in the range; what is not grouped by is null. */
export function lagSql(grid: Grid): string {
  const arrived = SIGNALS.map(([name, table, ended]) => `SELECT '${name}' AS signal, ingested_at, CAST(ingested_at AS BIGINT) - (${ended}) AS lag FROM ${table} WHERE ${sqlRange(grid.range, "ingested_at")}`);
  return (
    `WITH arrived AS (${arrived.join(" UNION ALL ")}) SELECT signal, ${bin(grid)} AS at, approx_percentile_cont(lag, 0.5) AS p50, approx_percentile_cont(lag, 0.99) AS p99 ` +
    `FROM arrived GROUP BY GROUPING SETS ((${bin(grid)}), (signal), ())`
  );
}

export const useLag = (grid: Grid): Result<SqlAnswer<Lag>> => useSql(lagSql(grid), lag, { doing: "read how late records arrive", rowLimit: ROWS_MAX });

const rejection = v.object({ time: nanos, signal: v.string(), reason: v.string(), records: v.nullable(number), service: v.nullable(v.string()), client: v.nullable(v.string()) });
export type Rejection = v.InferOutput<typeof rejection>;

/** The server keeps this many of the latest. */
export const REJECTIONS_KEPT = 512;
export const rejectionsSql = "SELECT time, signal, reason, records, service, client FROM ingest_rejections ORDER BY time DESC";
export const useRejections = (): Result<SqlAnswer<Rejection>> => useSql(rejectionsSql, rejection, { doing: "read what was rejected", poll: true });

const segmentGroup = v.object({ table: v.string(), day: v.string(), level: number, segments: number, rows: number, bytes: number, newest: nanos, small: number, small_rows: number });
export type SegmentGroup = v.InferOutput<typeof segmentGroup>;

/** A segment with this many rows is not joined again. */
const rowsEnough = "CASE WHEN \"table\" = 'metric_points' THEN 786432 ELSE 262144 END";
export const segmentsSql =
  'SELECT "table", CAST(day AS VARCHAR) AS day, level, count(*) AS segments, sum(rows) AS rows, sum(bytes) AS bytes, max(ingested_max) AS newest, ' +
  `sum(CASE WHEN rows < ${rowsEnough} THEN 1 ELSE 0 END) AS small, sum(CASE WHEN rows < ${rowsEnough} THEN rows ELSE 0 END) AS small_rows FROM segments GROUP BY 1, 2, 3`;
export const useSegments = (): Result<SqlAnswer<SegmentGroup>> => useSql(segmentsSql, segmentGroup, { doing: "list segments", rowLimit: ROWS_MAX, poll: true });

const cardinality = v.object({
  since: nanos,
  series: number,
  limits: v.object({ series: number, label_values: number }),
  overflowed: number,
  metrics: v.array(v.object({ name: v.string(), series: number })),
  labels: v.array(v.object({ name: v.string(), values: number, series: number })),
  sources: v.array(v.object({ source: v.string(), series: number })),
  growth: v.array(v.object({ time: nanos, new_series: number })),
});
export type Cardinality = v.InferOutput<typeof cardinality>;
export const CARDINALITY_PATH = "/api/v1/cardinality?limit=100";
export const useCardinality = (): Result<Cardinality> =>
  useApi({ doing: "count series", path: "/api/v1/cardinality", params: { limit: 100 }, schema: cardinality }, { poll: true });

const exposition = v.pipe(v.string(), v.transform(parseExposition));
/** The process's own metrics, since its start, of all tenants. */
export const useServerMetrics = (): Result<Exposed[]> => useApi({ doing: "read the server's own metrics", path: "/metrics", schema: exposition }, { poll: true });

