/** `POST /api/v1/sql`: rows as typed objects. */

import * as v from "valibot";
import type { Range } from "@/model/range";
import type { Nanos } from "@/model/time";
import { ask } from "./client";
import { type QueryOptions, type Result, useApi } from "./query";

export const stats = v.object({
  elapsed_ms: v.number(),
  segments: v.number(),
  segments_pruned: v.number(),
  row_groups_pruned: v.number(),
  pages_pruned: v.number(),
  rows_buffered: v.number(),
  rows_scanned: v.number(),
  rows_returned: v.number(),
  bytes_read: v.number(),
  warnings: v.array(v.string()),
});
export type Stats = v.InferOutput<typeof stats>;

const column = v.object({ name: v.string(), type: v.string() });
export type Column = v.InferOutput<typeof column>;

/** The answer as it comes. A query that fails midway ends with `error` instead of `stats`. */
const table = v.object({
  columns: v.array(column),
  rows: v.array(v.array(v.unknown())),
  stats,
  truncated: v.boolean(),
});
export type SqlTable = v.InferOutput<typeof table>;

export interface SqlAnswer<Row> {
  columns: Column[];
  rows: Row[];
  stats: Stats;
  truncated: boolean;
}

export interface SqlOptions extends QueryOptions {
  doing: string;
  rowLimit?: number;
  timeout?: string;
}

const sqlRequest = (query: string, options: Pick<SqlOptions, "rowLimit" | "timeout">) => ({
  query,
  format: "json",
  ...(options.rowLimit === undefined ? {} : { row_limit: options.rowLimit }),
  ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
});

/** A table's rows as objects of `row`'s shape; columns the shape does not name are left out. */
const rowsOf = <Row>(row: v.GenericSchema<unknown, Row>): v.GenericSchema<unknown, SqlAnswer<Row>> =>
  v.pipe(
    table,
    v.rawTransform(({ dataset, addIssue, NEVER }): SqlAnswer<Row> => {
      const answer = dataset.value;
      const objects = answer.rows.map((values) => Object.fromEntries(answer.columns.map((c, i) => [c.name, values[i]])));
      const rows = v.safeParse(v.array(row), objects);
      if (rows.success) return { ...answer, rows: rows.output };
      addIssue({ message: v.flatten(rows.issues).root?.[0] ?? Object.keys(v.flatten(rows.issues).nested ?? {}).join(", ") });
      return NEVER;
    }),
  );

/**
 * Asks in SQL: `useSql(sql, v.object({ service: v.string(), spans: integer }), { doing: "count spans" })`.
 * Schemas of single values are in `api/scalar.ts`.
 */
export function useSql<Row>(query: string, row: v.GenericSchema<unknown, Row>, options: SqlOptions): Result<SqlAnswer<Row>> {
  const request = { doing: options.doing, path: "/api/v1/sql", body: sqlRequest(query, options), schema: rowsOf(row) };
  return useApi(request, options);
}

/** One question outside of a hook, e.g. for the console; columns and rows as they come. */
export const askSql = (query: string, options: Pick<SqlOptions, "doing" | "rowLimit" | "timeout"> & { signal?: AbortSignal }): Promise<SqlTable> =>
  ask({ doing: options.doing, path: "/api/v1/sql", body: sqlRequest(query, options), schema: table, signal: options.signal });

/** A text in SQL. */
export const sqlText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
/** An instant in SQL. */
export const sqlTime = (time: Nanos): string => `to_timestamp_nanos(${time})`;
/** A range as a condition: `start_time >= … AND start_time < …`. */
export const sqlRange = (range: Range, columnName: string): string =>
  `${columnName} >= ${sqlTime(range.from)} AND ${columnName} < ${sqlTime(range.to)}`;
/** `body` as a command for a terminal. */
export const sqlCurl = (query: string): string => curl("/api/v1/sql", { query });

/** Any request as curl. */
export function curl(path: string, body?: unknown): string {
  const url = `'${window.location.origin}${path}'`;
  if (body === undefined) return `curl -s ${url}`;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return `curl -s ${url} -H 'Content-Type: application/json' --data '${text.replaceAll("'", "'\\''")}'`;
}
