/** Versions that bad events tell of, and when each was first seen. */

import * as v from "valibot";
import type { Explanation } from "@/api/explain";
import { nanos as nanosSchema } from "@/api/scalar";
import { sqlText, sqlTime, useSql } from "@/api/sql";
import { nanos, NS_PER_S } from "@/model/time";
import type { Deploy } from "./timeline";

const row = v.object({ service: v.string(), version: v.nullish(v.string()), at: nanosSchema });
const HOURS_6 = 6n * 3600n * NS_PER_S;
const NONE: Deploy[] = [];

/** Of the versions bad events have more often; what was there all the time before the window is no deploy. */
export function useDeploys(explanation: Explanation | undefined): Deploy[] {
  const versions = explanation?.versions.filter((one) => one.is_significant && one.difference > 0 && one.name === "resource.service.version") ?? [];
  const start = explanation?.window.start ?? nanos(0);
  const from = nanos(start - HOURS_6);
  const rounded = nanos(from - (from % (60n * NS_PER_S)));
  const services = [...new Set(versions.map((one) => one.service))];
  const sql = `SELECT service, resource['service.version'] AS version, min(start_time) AS at FROM spans
WHERE service IN (${services.map(sqlText).join(", ")}) AND start_time >= ${sqlTime(rounded)} AND start_time < ${sqlTime(explanation?.window.end ?? nanos(0))} GROUP BY 1, 2`;
  const { data } = useSql(sql, row, { doing: "find deploys", enabled: services.length > 0 });
  if (!data || services.length === 0) return NONE;
  return data.rows.flatMap((one) => {
    const told = versions.some((version) => version.service === one.service && version.value === one.version);
    return told && one.version && one.at > rounded + 600n * NS_PER_S ? [{ at: one.at, service: one.service, version: one.version }] : [];
  });
}
