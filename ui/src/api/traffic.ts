/** What services did, from rollups by the minute, and which versions they run. One question each, for a whole page. */

import * as v from "valibot";
import { type Range, widthOf } from "@/model/range";
import { NS_PER_S, nanos as toNanos } from "@/model/time";
import type { Grid, TrafficRow } from "@/model/traffic";
import type { Sighting } from "@/model/versions";
import type { QueryOptions, Result } from "./query";
import { nanos, number } from "./scalar";
import { type SqlAnswer, sqlRange, sqlText, useSql } from "./sql";

const ROWS_MAX = 200_000;
const MINUTE = 60n * NS_PER_S;
const quantile = v.nullable(number);
const trafficRow = v.object({ service: v.string(), is_request: v.boolean(), at: v.nullable(nanos), count: number, errors: number, p50: quantile, p99: quantile });

/** Rows per service and bucket of `grid`, and of the whole of it (`at` null). */
export const trafficSql = (grid: Grid, service?: string): string =>
  `WITH minutes AS (SELECT service, kind IN (2, 5) AS is_request, date_bin(INTERVAL '${grid.step / NS_PER_S} seconds', minute) AS at, ` +
  `sum(count) AS count, sum(errors) AS errors, histogram_sum(duration_histogram) AS durations FROM red WHERE ${sqlRange(grid.range, "minute")}` +
  `${service === undefined ? "" : ` AND service = ${sqlText(service)}`} GROUP BY 1, 2, 3) ` +
  `SELECT service, is_request, at, count, errors, histogram_quantile(0.5, durations) AS p50, histogram_quantile(0.99, durations) AS p99 FROM minutes ` +
  `UNION ALL SELECT service, is_request, NULL, sum(count), sum(errors), histogram_quantile(0.5, histogram_sum(durations)), ` +
  `histogram_quantile(0.99, histogram_sum(durations)) FROM minutes GROUP BY 1, 2`;

export const useTraffic = (grid: Grid, options: QueryOptions & { service?: string } = {}): Result<SqlAnswer<TrafficRow>> =>
  useSql(trafficSql(grid, options.service), trafficRow, { doing: "read services", rowLimit: ROWS_MAX, poll: true, ...options });

const sighting = v.object({ service: v.string(), version: v.nullable(v.string()), instance: v.nullable(v.string()), first: nanos, last: nanos });

/** Whole minutes around a range, so that a sliding range asks once a minute. */
const byMinute = ({ from, to }: Range): Range => ({ from: toNanos(from - (from % MINUTE)), to: toNanos(to - (to % MINUTE) + MINUTE) });

const SEEN = "resource['service.version'] AS version, resource['service.instance.id'] AS instance";

/** A day of spans says who runs now; series, of which there are few, since when. */
export function sightingsSql(range: Range, service?: string): string {
  const day = 86_400n * NS_PER_S;
  const spans = widthOf(range) > day ? { from: toNanos(range.to - day), to: range.to } : range;
  const only = service === undefined ? "service <> ''" : `service = ${sqlText(service)}`;
  return (
    `SELECT service, ${SEEN}, min(start_time) AS first, max(start_time) AS last FROM spans WHERE ${sqlRange(byMinute(spans), "start_time")} AND ${only} GROUP BY 1, 2, 3 ` +
    `UNION ALL SELECT service, ${SEEN}, min(time) AS first, max(time) AS last FROM series WHERE ${only} GROUP BY 1, 2, 3`
  );
}

export const useSightings = (range: Range, options: QueryOptions & { service?: string } = {}): Result<SqlAnswer<Sighting>> =>
  useSql(sightingsSql(range, options.service), sighting, { doing: "read versions", rowLimit: ROWS_MAX, ...options });


const sloMinute = v.object({ slo: v.string(), objective: number, at: nanos, good: number, total: number });
export type SloMinute = v.InferOutput<typeof sloMinute>;

/** What SLOs counted, per bucket of `grid`. */
export const sloMinutesSql = (grid: Grid): string =>
  `SELECT slo, objective, date_bin(INTERVAL '${grid.step / NS_PER_S} seconds', slice) AS at, sum(good) AS good, sum(total) AS total FROM slo_slices WHERE ${sqlRange(grid.range, "slice")} GROUP BY 1, 2, 3`;

export const useSloMinutes = (grid: Grid, options: QueryOptions = {}): Result<SqlAnswer<SloMinute>> =>
  useSql(sloMinutesSql(grid), sloMinute, { doing: "read what SLOs counted", rowLimit: ROWS_MAX, poll: true, ...options });
