/** How an operation usually does, around a moment: for the sentence of what is unusual about one of its spans. */

import * as v from "valibot";
import type { Range } from "@/model/range";
import type { Nanos } from "@/model/time";
import { type Result, useApi } from "../query";
import { nanos, number } from "../scalar";
import { type SqlAnswer, sqlText, sqlTime, stats, useSql } from "../sql";

const usual = v.object({ failed: v.boolean(), n: number, since: nanos, p50: v.nullable(nanos), p99: v.nullable(nanos) });
export type Usual = v.InferOutput<typeof usual>;

const HOUR = 3_600_000_000_000n;

/** From an hour before a trace to half an hour after. */
export const around = (at: Nanos): Range => ({ from: (at - HOUR) as Nanos, to: (at + HOUR / 2n) as Nanos });

export const usualSql = (service: string, name: string, range: Range): string =>
  `SELECT status_code = 2 AS failed, sum(count) AS n, min(minute) AS since, ` +
  `histogram_quantile(0.5, histogram_sum(duration_histogram)) AS p50, histogram_quantile(0.99, histogram_sum(duration_histogram)) AS p99 ` +
  `FROM red WHERE service = ${sqlText(service)} AND name = ${sqlText(name)} AND minute >= ${sqlTime(range.from)} AND minute < ${sqlTime(range.to)} GROUP BY 1`;

export const useUsual = (service: string, name: string, range: Range, enabled: boolean): Result<SqlAnswer<Usual>> =>
  useSql(usualSql(service, name, range), usual, { doing: "read how this operation usually does", enabled });

const compared = v.object({
  selection: v.number(),
  baseline: v.number(),
  selection_more: v.boolean(),
  baseline_more: v.boolean(),
  attributes: v.array(v.object({
    name: v.string(),
    selection: v.number(),
    baseline: v.number(),
    q_value: v.number(),
    effect: v.number(),
    values: v.array(v.object({
      value: v.optional(v.unknown()), from: v.optional(v.number()), to: v.optional(v.number()),
      selection: v.number(), baseline: v.number(), difference: v.number(), p_value: v.number(), q_value: v.number(),
    })),
    ranks: v.nullable(v.object({ selection_median: v.number(), baseline_median: v.number(), effect: v.number(), p_value: v.number(), q_value: v.number() })),
  })),
  stats,
});
export type Differences = v.InferOutput<typeof compared>;
export type Difference = Differences["attributes"][number];

export interface Selection {
  selection: string;
  baseline: string;
  range: Range;
  /** Of the selection: within this time and of this duration. */
  brush?: { range: Range; durationMin: Nanos; durationMax: Nanos } | undefined;
  values?: number;
  limit?: number;
}

export const differencesPath = "/api/v1/traces/attributes/compare";
export const differencesParams = ({ selection, baseline, range, brush, values, limit }: Selection) => ({
  selection, baseline, start: range.from, end: range.to, values, limit,
  brush_start: brush?.range.from, brush_end: brush?.range.to,
  brush_duration_min: brush && `${brush.durationMin}ns`, brush_duration_max: brush && `${brush.durationMax}ns`,
});

/** What sets some spans apart from others. */
export const useDifferences = (what: Selection, enabled: boolean): Result<Differences> =>
  useApi({ doing: "compare attributes", path: differencesPath, params: differencesParams(what), schema: compared }, { enabled });

/** A text in TraceQL. */
export const traceqlText = (text: string): string => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
/** The spans of one operation, as conditions. */
export const operationQuery = (service: string, name: string, more = ""): string =>
  `{ resource.service.name = ${traceqlText(service)} && name = ${traceqlText(name)}${more && ` && ${more}`} }`;
