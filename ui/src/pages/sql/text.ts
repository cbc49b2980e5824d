/** The console's text: the page's time as `$from` and `$to`, and the examples. */

import type { Range } from "@/model/range";
import { toIso } from "@/model/time";

/** `$from` and `$to` as instants, outside of quotes and comments. */
export function withTime(text: string, range: Range): string {
  return text.replaceAll(/'(?:[^']|'')*'|"[^"]*"|--[^\n]*|\$(from|to)\b/g, (all, name: string | undefined) =>
    name === undefined ? all : `TIMESTAMP '${toIso(name === "from" ? range.from : range.to)}'`,
  );
}

/** The column that says when, by table. */
const TIME_COLUMNS: Record<string, string> = {
  spans: "start_time", logs: "time", metric_points: "time", exemplars: "time", span_events: "time", red: "minute", edges: "minute", alert_transitions: "time", slo_transitions: "time", slo_slices: "slice", deliveries: "created_at", delivery_attempts: "time",
};

/** A first look at a table. */
export function lookAt(table: string): string {
  const time = TIME_COLUMNS[table];
  return time ? `SELECT *\nFROM ${table}\nWHERE ${time} >= $from AND ${time} < $to\nORDER BY ${time} DESC\nLIMIT 100` : `SELECT *\nFROM "${table}"\nLIMIT 100`;
}

export interface Example {
  title: string;
  sql: string;
}

export const EXAMPLES: Example[] = [
  { title: "Requests, errors and their ratio by service", sql: "SELECT service, sum(count) AS requests, sum(errors) AS errors, round(100.0 * sum(errors) / sum(count), 2) AS percent\nFROM red\nWHERE minute >= $from AND minute < $to AND kind = 2\nGROUP BY service\nORDER BY errors DESC" },
  { title: "Log records by minute and service", sql: "SELECT date_trunc('minute', time) AS minute, service, count(*) AS records\nFROM logs\nWHERE time >= $from AND time < $to\nGROUP BY 1, 2\nORDER BY 1" },
  { title: "The slowest spans", sql: "SELECT start_time, service, name, duration, trace_id\nFROM spans\nWHERE start_time >= $from AND start_time < $to\nORDER BY duration DESC\nLIMIT 50" },
  { title: "Which attributes spans carry", sql: "SELECT key, type, segments\nFROM attribute_keys\nWHERE \"table\" = 'spans'\nORDER BY segments DESC, key" },
  { title: "What is on disk", sql: "SELECT \"table\", day, level, count(*) AS segments, sum(rows) AS rows, sum(bytes) AS bytes\nFROM segments\nGROUP BY 1, 2, 3\nORDER BY 1, 2, 3" },
];

/** Positions the server tells of the text it got, in the text as written: `$from` and `$to` are shorter than what they stand for. */
export function placeInDraft(draft: string, range: Range, place: { line: number; column: number }): { line: number; column: number } {
  const line = draft.split("\n")[place.line - 1];
  if (line === undefined) return place;
  for (let column = 1; column <= line.length; column++) {
    if (withTime(line.slice(0, column), range).length >= place.column) return { line: place.line, column };
  }
  return { line: place.line, column: line.length };
}
