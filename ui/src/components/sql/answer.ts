/** An answer's cells as text, its columns as axes of a chart. */

import type { Column, SqlTable } from "@/api/sql";
import { exact, nanos, type Nanos, type Zone } from "@/model/time";

export type Cells = unknown[];

export const isTime = (column: Column): boolean => column.type === "timestamp" || column.type.startsWith("timestamp");
export const isNumber = (column: Column): boolean => /^(u?int|float|double|decimal)/.test(column.type);
export const isDuration = (column: Column): boolean => column.type.startsWith("duration");

const plain = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** As the grid shows it. */
export function cellText(value: unknown, column: Column, zone: Zone): string {
  if (value === null || value === undefined) return "";
  if (isTime(column) && typeof value === "string" && /^-?\d+$/.test(value)) return exact(nanos(value), zone);
  return plain(value);
}

/** Where an id leads to: a trace, or null. */
export const traceIdOf = (value: unknown, column: Column): string | null =>
  typeof value === "string" && /^[0-9a-f]{32}$/.test(value) && /(^|_)trace_id$/.test(column.name) && !/^0+$/.test(value) ? value : null;

/** What to sort a cell by: numbers as numbers, also those written as texts. */
export function sortKey(cell: unknown, column: Column): number | bigint | string | null {
  if (cell === null || cell === undefined) return null;
  const counted = isNumber(column) || isTime(column) || isDuration(column);
  if (counted && typeof cell === "string") return /^-?\d+$/.test(cell) ? BigInt(cell) : Number(cell);
  return typeof cell === "number" || typeof cell === "string" ? cell : JSON.stringify(cell);
}

/** A width in pixels that most cells fit into, from the first rows. */
export function widthOf(table: SqlTable, at: number, zone: Zone): number {
  const column = table.columns[at];
  if (!column) return 120;
  const longest = table.rows.slice(0, 200).reduce((most, cells) => Math.max(most, cellText(cells[at], column, zone).length), column.name.length + 2);
  return Math.min(420, Math.max(64, Math.round(longest * 7.3) + 20));
}

/** Tab-separated, with names of columns: pastes into any sheet. */
export function asTsv(table: SqlTable, rows: readonly Cells[], zone: Zone): string {
  const line = (cells: string[]) => cells.map((cell) => cell.replaceAll(/[\t\n\r]+/g, " ")).join("\t");
  return [line(table.columns.map((column) => column.name)), ...rows.map((cells) => line(table.columns.map((column, at) => cellText(cells[at], column, zone))))].join("\n");
}

export interface Charted {
  times: Nanos[];
  lines: { name: string; values: (number | null)[] }[];
}

/** Lines beyond so many are not drawn. */
const LINES_MAX = 30;

/** A time column and numbers make a chart: one line per number, for each combination of the texts beside them. Null when there is none. */
export function chartOf(table: SqlTable): Charted | null {
  const time = table.columns.findIndex(isTime);
  const numbers = table.columns.flatMap((column, at) => (isNumber(column) || isDuration(column) ? [at] : []));
  if (time < 0 || numbers.length === 0) return null;
  const texts = table.columns.flatMap((column, at) => (at !== time && !numbers.includes(at) && column.type === "string" ? [at] : []));
  const times = [...new Set(table.rows.flatMap((cells) => (typeof cells[time] === "string" ? [cells[time]] : [])))].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  const places = new Map(times.map((at, index) => [at, index]));
  const lines = new Map<string, (number | null)[]>();
  for (const cells of table.rows) {
    const place = places.get(String(cells[time]));
    if (place === undefined) continue;
    const group = texts.map((at) => plain(cells[at] ?? "–")).join(" ");
    for (const at of numbers) {
      const name = [group, numbers.length > 1 || group === "" ? (table.columns[at]?.name ?? "") : ""].filter((part) => part !== "").join(" ");
      const values = lines.get(name) ?? new Array<number | null>(times.length).fill(null);
      const value = cells[at] === null || cells[at] === undefined ? null : Number(cells[at]);
      values[place] = value !== null && Number.isFinite(value) ? value : null;
      lines.set(name, values);
    }
  }
  return { times: times.map((at) => nanos(at)), lines: [...lines].slice(0, LINES_MAX).map(([name, values]) => ({ name, values })) };
}
