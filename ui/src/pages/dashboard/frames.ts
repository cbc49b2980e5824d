/** Answers as what panels draw: lines, numbers, a table, cells. */

import type { PanelAnswer, PanelQuestion, PanelSeries } from "@/api/panels";
import type { LogRow } from "@/api/logs";
import { rowOf } from "@/api/logs";
import type { SqlTable } from "@/api/sql";
import type { HeatCells } from "@/charts/heat";
import { chartOf, isDuration, isNumber, isTime } from "@/components/sql/answer";
import { gridOf, onGrid } from "@/components/series/series";
import type { PanelQuery, Reduction } from "@/model/dashboard/document";
import type { Choices } from "@/model/dashboard/variables";
import { serviceToken } from "@/model/service";
import { type Nanos, nanos } from "@/model/time";

export interface Answered {
  query: PanelQuery;
  question: PanelQuestion;
  answer: PanelAnswer;
}

export interface NamedLine {
  name: string;
  values: (number | null)[];
  /** The colour of the service that the line is of. */
  token?: string;
  /** Another service has the same colour. */
  dashed?: boolean;
}

export interface Lines {
  times: Nanos[];
  lines: NamedLine[];
}

/** `{{label}}` by the series' labels; without a template what tells the series apart. */
export function lineName(template: string | undefined, labels: Readonly<Record<string, string>>, own: string): string {
  if (template === undefined || template === "") return own;
  return template.replaceAll(/\{\{\s*([\w.:-]+)\s*\}\}/g, (_all, label: string) => labels[label] ?? "–");
}

const GRID_MAX = 6000;

/** Times that are missing in a regular row of them, so that a gap is one. */
export function withGaps({ times, lines }: Lines): Lines {
  const [first, last] = [times[0], times.at(-1)];
  if (first === undefined || last === undefined || times.length < 3) return { times, lines };
  let step: bigint = last - first;
  for (let i = 1; i < times.length; i++) {
    const gap = (times[i] ?? last) - (times[i - 1] ?? first);
    if (gap > 0n && gap < step) step = gap;
  }
  if (step <= 0n || (last - first) / step > GRID_MAX || times.some((at) => (at - first) % step !== 0n)) return { times, lines };
  const places = new Map(times.map((at, index) => [at, index]));
  const grid: Nanos[] = [];
  for (let at: bigint = first; at <= last; at += step) grid.push(nanos(at));
  return { times: grid, lines: lines.map((line) => ({ ...line, values: grid.map((at) => line.values[places.get(at) ?? -1] ?? null) })) };
}

const SERVICE_LABELS = ["service", "service_name", "resource.service.name", "server", "client", "job"];

function linesOfOne({ query, question, answer }: Answered, prefix: string): Lines {
  if (answer.shape === "series") {
    const grid = gridOf(question.range, question.step);
    const drawn = onGrid(answer.series, grid);
    return { times: grid, lines: drawn.map((line) => {
      const name = lineName(query.name, line.labels, prefix + line.name);
      return SERVICE_LABELS.some((label) => line.labels[label] === name) ? { name, values: line.values, token: serviceToken(name) } : { name, values: line.values };
    }) };
  }
  const chart = chartOf(timed(answer.table));
  if (!chart) return { times: [], lines: [] };
  return withGaps({ times: chart.times, lines: chart.lines.map((line) => ({ name: query.name && chart.lines.length === 1 ? query.name : prefix + line.name, values: line.values })) });
}

/** A log search's columns carry no types: its `time` is one. */
function timed(table: SqlTable): SqlTable {
  if (!table.columns.some((column) => column.type === "any")) return table;
  const columns = table.columns.map((column) => (column.name === "time" ? { ...column, type: "timestamp" } : column.type === "any" ? { ...column, type: "string" } : column));
  return { ...table, columns };
}

/** Lines of all queries over one axis, each name once. */
export function linesOf(answered: readonly Answered[]): Lines {
  const each = answered.map((one, index) => linesOfOne(one, answered.length > 1 && !one.query.name ? `${"ABCDEF"[index] ?? ""} ` : ""));
  const filled = each.filter((one) => one.lines.length > 0);
  const seen = new Map<string, number>();
  const coloured = new Set<string>();
  const unique = (line: NamedLine): NamedLine => {
    const times = (seen.get(line.name) ?? 0) + 1;
    seen.set(line.name, times);
    const dashed = line.token !== undefined && coloured.has(line.token);
    if (line.token !== undefined) coloured.add(line.token);
    return { ...line, ...(times === 1 ? {} : { name: `${line.name} ${times}` }), ...(dashed ? { dashed } : {}) };
  };
  const [first] = filled;
  if (!first) return { times: [], lines: [] };
  if (filled.every((one) => one.times.length === first.times.length && one.times[0] === first.times[0] && one.times.at(-1) === first.times.at(-1)))
    return { times: first.times, lines: filled.flatMap((one) => one.lines).map(unique) };
  const times = [...new Set(filled.flatMap((one) => one.times))].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return {
    times,
    lines: filled.flatMap((one) => {
      const places = new Map(one.times.map((at, index) => [at, index]));
      return one.lines.map((line) => unique({ ...line, values: times.map((at) => line.values[places.get(at) ?? -1] ?? null) }));
    }),
  };
}

export const isKnown = (value: number | null | undefined): value is number => value !== null && value !== undefined && Number.isFinite(value);

export function reduced(values: readonly (number | null)[], how: Reduction): number | null {
  const known = values.filter(isKnown);
  if (known.length === 0) return null;
  switch (how) {
    case "last": return known.at(-1) ?? null;
    case "max": return known.reduce((a, b) => Math.max(a, b));
    case "min": return known.reduce((a, b) => Math.min(a, b));
    case "sum": return known.reduce((a, b) => a + b, 0);
    case "mean": return known.reduce((a, b) => a + b, 0) / known.length;
  }
}

export interface StatValue {
  name: string;
  value: number | null;
  /** Over time, for the spark; empty where the answer has no times. */
  history: (number | null)[];
}

/** One number per line; of a table without times one per row and column of numbers. */
export function statsOf(answered: readonly Answered[], how: Reduction): StatValue[] {
  return answered.flatMap((one, index) => {
    if (one.answer.shape === "table" && !timed(one.answer.table).columns.some(isTime)) return cellsOf(one.query, one.answer.table);
    const { lines } = linesOfOne(one, answered.length > 1 && !one.query.name ? `${"ABCDEF"[index] ?? ""} ` : "");
    return lines.map((line) => ({ name: line.name === "value" ? (one.query.name ?? "") : line.name, value: reduced(line.values, how), history: line.values }));
  });
}

const textIn = (cell: unknown): string => (typeof cell === "string" ? cell : cell === null || cell === undefined ? "–" : JSON.stringify(cell));

function cellsOf(query: PanelQuery, table: SqlTable): StatValue[] {
  const numbers = table.columns.flatMap((column, at) => (isNumber(column) || isDuration(column) ? [at] : []));
  const texts = table.columns.flatMap((_, at) => (numbers.includes(at) ? [] : [at]));
  return table.rows.slice(0, 24).flatMap((cells) => numbers.map((at): StatValue => {
    const group = texts.map((one) => textIn(cells[one])).join(" ");
    const column = table.columns[at]?.name ?? "";
    const alone = numbers.length === 1 && table.rows.length === 1;
    const own = alone ? (query.name ?? group) : [group, numbers.length > 1 ? column : ""].filter((part) => part !== "").join(" ");
    const value = cells[at];
    return { name: own, value: value === null || value === undefined ? null : Number(value), history: [] };
  }));
}

/** Rows to look at: of series their labels and last values, one column per query. */
export function tableOf(answered: readonly Answered[]): SqlTable | null {
  const [first] = answered;
  if (!first) return null;
  if (first.answer.shape === "table") return timed(first.answer.table);
  const rows = new Map<string, { labels: Readonly<Record<string, string>>; values: (number | null)[] }>();
  answered.forEach(({ answer }, at) => {
    if (answer.shape !== "series") return;
    for (const one of answer.series) {
      const labels = Object.fromEntries(Object.entries(one.metric).filter(([name]) => name !== "__name__"));
      const key = JSON.stringify(Object.entries(labels).sort());
      const row = rows.get(key) ?? { labels, values: answered.map(() => null) };
      row.values[at] = one.values.at(-1)?.[1] ?? null;
      rows.set(key, row);
    }
  });
  const all = [...rows.values()];
  const labels = [...new Set(all.flatMap((row) => Object.keys(row.labels)))];
  const columns = [...labels.map((name) => ({ name, type: "string" })), ...answered.map(({ query }, at) => ({ name: query.name ?? (answered.length > 1 ? `value ${"ABCDEF"[at] ?? ""}` : "value"), type: "float64" }))];
  return { columns, rows: all.map((row) => [...labels.map((name) => row.labels[name] ?? null), ...row.values.map((value) => (isKnown(value) ? value : null))]), stats: EMPTY_STATS, truncated: false };
}

const EMPTY_STATS: SqlTable["stats"] = { elapsed_ms: 0, segments: 0, segments_pruned: 0, row_groups_pruned: 0, pages_pruned: 0, rows_buffered: 0, rows_scanned: 0, rows_returned: 0, bytes_read: 0, warnings: [] };

/** Everything a panel has drawn, as rows: times and lines, or the table as it came. */
export function rowsTable(answered: readonly Answered[]): SqlTable | null {
  const [first] = answered;
  if (!first) return null;
  if (answered.length === 1 && first.answer.shape === "table") return timed(first.answer.table);
  const { times, lines } = linesOf(answered);
  return {
    columns: [{ name: "time", type: "timestamp" }, ...lines.map((line) => ({ name: line.name, type: "float64" }))],
    rows: times.map((at, index) => [String(at), ...lines.map((line) => line.values[index] ?? null)]), stats: EMPTY_STATS, truncated: false,
  };
}

/** Records of a logs panel, each with a key of its own. */
export function recordsOf(answered: readonly Answered[]): LogRow[] {
  return answered.flatMap(({ answer }) => (answer.shape === "table" ? answer.table.rows : [])).flatMap((cells, index) => {
    const row = rowOf(cells);
    return row ? [{ ...row, key: `${row.key}.${index}` }] : [];
  });
}

/** Cells of a heat map: buckets of spans, cumulative buckets of a histogram (`le`), or rows of time, upper edge, count. */
export function heatOf(answered: readonly Answered[]): HeatCells | null {
  const [first] = answered;
  if (!first) return null;
  const { answer, question } = first;
  if (answer.shape === "table") return heatOfTable(answer.table);
  const times = gridOf(question.range, question.step);
  const doubling = answer.series.some((one) => one.metric.__bucket !== undefined);
  const edge = (one: PanelSeries) => Number((doubling ? one.metric.__bucket : one.metric.le)?.replace("+Inf", "Infinity") ?? Number.NaN);
  const sorted = answer.series.filter((one) => !Number.isNaN(edge(one))).sort((a, b) => edge(a) - edge(b));
  if (sorted.length === 0) return null;
  const drawn = onGrid(sorted, times).map((line) => line.values.map((value) => value ?? 0));
  const rows = sorted.map((one, index) => {
    const upTo = edge(one);
    const from = doubling ? upTo / 2 : index === 0 ? 0 : edge(sorted[index - 1] ?? one);
    return { from, upTo, counts: (drawn[index] ?? []).map((value, at) => Math.max(0, doubling ? value : value - (index === 0 ? 0 : (drawn[index - 1]?.[at] ?? 0)))) };
  });
  return trimmed({ times, step: question.step, rows });
}

function heatOfTable(table: SqlTable): HeatCells | null {
  const time = table.columns.findIndex(isTime);
  const [edgeAt, countAt] = table.columns.flatMap((column, at) => (isNumber(column) || isDuration(column) ? [at] : []));
  if (time < 0 || edgeAt === undefined || countAt === undefined) return null;
  const times = [...new Set(table.rows.map((cells) => String(cells[time])))].map(nanos).sort((a, b) => (a < b ? -1 : 1));
  const edges = [...new Set(table.rows.map((cells) => Number(cells[edgeAt])))].filter(Number.isFinite).sort((a, b) => a - b);
  const step = nanos(times.slice(1).reduce<bigint>((least, at, index) => (at - (times[index] ?? at) < least ? at - (times[index] ?? at) : least), 86_400_000_000_000n));
  const rows = edges.map((upTo, index) => ({ from: edges[index - 1] ?? 0, upTo, counts: times.map(() => 0) }));
  for (const cells of table.rows) {
    const row = rows[edges.indexOf(Number(cells[edgeAt]))];
    const at = times.indexOf(nanos(String(cells[time])));
    if (row && at >= 0) row.counts[at] = (row.counts[at] ?? 0) + Number(cells[countAt] ?? 0);
  }
  return rows.length === 0 ? null : trimmed({ times, step, rows });
}

/** Without the empty rows at both ends. */
function trimmed(cells: HeatCells): HeatCells | null {
  const some = cells.rows.map((row) => row.counts.some((count) => count > 0));
  const [first, last] = [some.indexOf(true), some.lastIndexOf(true)];
  return first < 0 ? null : { ...cells, rows: cells.rows.slice(first, last + 1) };
}

/** Services that the board is narrowed to by its variables; none when it is of all. */
export const servicesOf = (choices: Choices): string[] =>
  [...choices].flatMap(([name, chosen]) => (/^services?$/.test(name) && !chosen.all ? chosen.values : []));

/** Names of labels of an answer, for templates of names. */
export const labelsIn = (answered: readonly Answered[]): string[] =>
  [...new Set(answered.flatMap(({ answer }) => (answer.shape === "series" ? answer.series.flatMap((one) => Object.keys(one.metric)) : [])))].sort();

