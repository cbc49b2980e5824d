/** What the page's parts share: the objective looked at, its buckets, and since when it is worse. */

import * as v from "valibot";
import { type Objective, type Slo, useSloSlices } from "@/api/slos";
import { number, nanos as nanosSchema } from "@/api/scalar";
import { sqlText, sqlTime, useSql } from "@/api/sql";
import type { Result } from "@/api/query";
import type { SqlAnswer } from "@/api/sql";
import { type Nanos, nanos, NS_PER_S } from "@/model/time";
import { type Bucket, bucketSeconds, onsetOf, type Onset } from "./rows";
import { useMemo } from "react";

const bucket = v.object({ at: nanosSchema, good: number, total: number });

/** The integers of an objective by step, as the evaluator counts them. */
export function bucketsSql(slo: string, objective: number, from: Nanos, to: Nanos, seconds: number): string {
  return `SELECT date_bin(interval '${seconds} seconds', slice, ${sqlTime(from)}) AS at, sum(good) AS good, sum(total) AS total
FROM slo_slices
WHERE slo = ${sqlText(slo)} AND objective = ${objective} AND "group" IS NULL AND slice >= ${sqlTime(from)} AND slice < ${sqlTime(to)}
GROUP BY 1 ORDER BY 1`;
}

export interface Buckets {
  query: Result<SqlAnswer<Bucket>>;
  sql: string;
  step: Nanos;
  from: Nanos;
  to: Nanos;
}

const MINUTES_5 = 300n * NS_PER_S;

/** Of the whole period, some 240 buckets. The period moves on by a bucket at a time, so that answers are shared. */
export function usePeriod(slo: string, index: number, objective: Objective | undefined): Buckets {
  const period = objective?.status?.period;
  const seconds = period ? bucketSeconds(nanos(period.end - period.start)) : 3600;
  const step = nanos(BigInt(seconds) * NS_PER_S);
  const to = period?.end ?? nanos(0);
  const from = period ? nanos(period.start - (period.start % step)) : nanos(0);
  const sql = bucketsSql(slo, index, from, nanos(to - (to % MINUTES_5) + MINUTES_5), seconds);
  return { query: useSql(sql, bucket, { doing: "read the burn-down", enabled: period !== undefined, rowLimit: 1000 }), sql, step, from, to };
}

const RECENT_SECONDS = 6n * 3600n;

/** Since when the last six hours are worse. */
export function useOnset(slo: string, index: number, until: Nanos | undefined): Onset | null {
  const to = until === undefined ? nanos(0) : nanos(until - (until % (60n * NS_PER_S)) + 60n * NS_PER_S);
  const range = { from: nanos(to - RECENT_SECONDS * NS_PER_S), to };
  const { data } = useSloSlices(slo, index, range, { enabled: until !== undefined });
  return useMemo(() => (data ? onsetOf(data.slices) : null), [data]);
}

export const objectiveOf = (slo: Slo | undefined, index: number): Objective | undefined => slo?.objectives[index] ?? slo?.objectives[0];
