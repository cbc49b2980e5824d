/** Rows of one service, folded for its charts and tables. */

import { upperTail } from "@/model/change";
import type { Nanos } from "@/model/time";
import type { Grid } from "@/model/traffic";

interface Counted {
  at: Nanos | null;
  count: number;
  errors: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
}
export interface OperationRow extends Counted {
  name: string | null;
  kind: number | null;
}

export interface Operation {
  name: string;
  kind: number;
  perSecond: number;
  count: number;
  errors: number;
  errorRatio: number;
  /** Of all failed spans of its kind of work (requests, or calls): who spends the budget. */
  errorShare: number;
  p50: number | null;
  p99: number | null;
  /** Requests per second over time; null where there were none. */
  rates: (number | null)[];
  ratios: (number | null)[];
}

const isRequest = (kind: number) => kind === 2 || kind === 5;
const seconds = (span: bigint) => Number(span) / 1e9;

/** Operations with requests first, the busiest first. */
export function operationsOf(rows: readonly OperationRow[], grid: Grid): Operation[] {
  const named = rows.filter((row): row is OperationRow & { name: string; kind: number } => row.name !== null && row.kind !== null);
  const width = seconds(grid.range.to - grid.range.from);
  const step = seconds(grid.step);
  const totals = named.filter((row) => row.at === null);
  const failed = (request: boolean) => totals.filter((row) => isRequest(row.kind) === request).reduce((sum, row) => sum + row.errors, 0);
  const [failedRequests, failedOthers] = [failed(true), failed(false)];
  const times = new Map(grid.times.map((at, index) => [at, index]));
  const series = new Map<string, { rates: (number | null)[]; ratios: (number | null)[] }>();
  for (const row of named) {
    const index = row.at === null ? undefined : times.get(row.at);
    if (index === undefined) continue;
    const key = `${row.kind} ${row.name}`;
    const one = series.get(key) ?? { rates: grid.times.map(() => 0), ratios: grid.times.map(() => 0) };
    one.rates[index] = row.count / step;
    one.ratios[index] = row.count === 0 ? 0 : row.errors / row.count;
    series.set(key, one);
  }
  return totals.map((row): Operation => {
    const all = isRequest(row.kind) ? failedRequests : failedOthers;
    const { rates = [], ratios = [] } = series.get(`${row.kind} ${row.name}`) ?? {};
    return {
      name: row.name, kind: row.kind, perSecond: row.count / width, count: row.count, errors: row.errors, errorRatio: row.count === 0 ? 0 : row.errors / row.count,
      errorShare: all === 0 ? 0 : row.errors / all, p50: row.p50, p99: row.p99, rates, ratios,
    };
  }).sort((a, b) => Number(isRequest(b.kind)) - Number(isRequest(a.kind)) || b.count - a.count);
}

export interface Lines {
  rates: (number | null)[];
  ratios: (number | null)[];
  p50: (number | null)[];
  p95: (number | null)[];
  p99: (number | null)[];
  counts: number[];
}

/** Of all requests, or of one operation (its request kind where it has one). */
export function linesOf(rows: readonly OperationRow[], grid: Grid, operation: string): Lines {
  const own = operation === "" ? rows.filter((row) => row.name === null) : ofOperation(rows, operation);
  const byTime = new Map(own.filter((row) => row.at !== null).map((row) => [row.at, row]));
  const step = seconds(grid.step);
  const at = grid.times.map((time) => byTime.get(time));
  return {
    rates: at.map((row) => (row ? row.count / step : null)), ratios: at.map((row) => (row ? row.errors / Math.max(1, row.count) : null)),
    p50: at.map((row) => row?.p50 ?? null), p95: at.map((row) => row?.p95 ?? null), p99: at.map((row) => row?.p99 ?? null), counts: at.map((row) => row?.count ?? 0),
  };
}

function ofOperation(rows: readonly OperationRow[], operation: string): OperationRow[] {
  const own = rows.filter((row) => row.name === operation);
  const kinds = [...new Set(own.map((row) => row.kind))];
  const kind = kinds.find((one) => one !== null && isRequest(one)) ?? kinds[0];
  return own.filter((row) => row.kind === kind);
}

/** Shares of requests that failed of each type, the most frequent first; what is beyond `most` is "other". */
export function errorLines(rows: readonly { at: Nanos; type: string; count: number }[], grid: Grid, counts: readonly number[], most = 4): { name: string; values: (number | null)[] }[] {
  const totals = new Map<string, number>();
  for (const row of rows) totals.set(row.type, (totals.get(row.type) ?? 0) + row.count);
  const ranked = [...totals].sort((a, b) => b[1] - a[1]).map(([type]) => type);
  const kept = new Set(ranked.length > most + 1 ? ranked.slice(0, most) : ranked);
  const names = [...kept, ...(ranked.length > kept.size ? ["other"] : [])];
  const times = new Map(grid.times.map((at, index) => [at, index]));
  const lines = new Map(names.map((name) => [name, grid.times.map((_, index) => (counts[index] ? 0 : null)) as (number | null)[]]));
  for (const row of rows) {
    const index = times.get(row.at);
    const line = lines.get(kept.has(row.type) ? row.type : "other");
    const count = index === undefined ? 0 : (counts[index] ?? 0);
    if (index !== undefined && line && count > 0) line[index] = (line[index] ?? 0) + row.count / count;
  }
  return names.map((name) => ({ name, values: lines.get(name) ?? [] }));
}

export interface Grouped {
  key: string;
  count: number;
  first: Nanos;
  last: Nanos;
  /** Per bucket. */
  trend: number[];
}

/** Rows of one key as one, the most frequent first, with how often over time. */
export function groupedOf<Row extends { at: Nanos; count: number; last: Nanos; first?: Nanos }>(rows: readonly Row[], keyOf: (row: Row) => string, grid: Grid): (Grouped & { sample: Row })[] {
  const groups = new Map<string, Grouped & { sample: Row }>();
  const times = new Map(grid.times.map((at, index) => [at, index]));
  for (const row of rows) {
    const key = keyOf(row);
    const one = groups.get(key) ?? { key, count: 0, first: row.first ?? row.at, last: row.last, trend: grid.times.map(() => 0), sample: row };
    const first = row.first ?? row.at;
    one.count += row.count;
    if (first < one.first) one.first = first;
    if (row.last > one.last) [one.last, one.sample] = [row.last, row];
    const index = times.get(row.at);
    if (index !== undefined) one.trend[index] = (one.trend[index] ?? 0) + row.count;
    groups.set(key, one);
  }
  return [...groups.values()].sort((a, b) => b.count - a.count);
}

export interface ResourceFact {
  key: string;
  /** Values with their number of spans, the most frequent first. */
  values: { value: string; count: number }[];
}

/** Keys of resources, those that differ between instances last. */
export function resourceFacts(rows: readonly { resource: string; count: number }[]): ResourceFact[] {
  const facts = new Map<string, Map<string, number>>();
  for (const row of rows) {
    for (const [key, value] of Object.entries(JSON.parse(row.resource) as Record<string, unknown>)) {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      const values = facts.get(key) ?? new Map<string, number>();
      values.set(text, (values.get(text) ?? 0) + row.count);
      facts.set(key, values);
    }
  }
  return [...facts].map(([key, values]) => ({ key, values: [...values].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count) }))
    .sort((a, b) => a.values.length - b.values.length || (a.key < b.key ? -1 : 1));
}

export interface VersionRow {
  version: string | null;
  at: Nanos;
  count: number;
  errors: number;
  p50: number | null;
  p99: number | null;
}

export interface VersionSum {
  version: string;
  count: number;
  errors: number;
  ratios: (number | null)[];
  p99: (number | null)[];
}

export function versionSums(rows: readonly VersionRow[], grid: Grid): VersionSum[] {
  const sums = new Map<string, VersionSum>();
  const times = new Map(grid.times.map((at, index) => [at, index]));
  for (const row of rows) {
    const version = row.version ?? "no version";
    const one = sums.get(version) ?? { version, count: 0, errors: 0, ratios: grid.times.map(() => null), p99: grid.times.map(() => null) };
    one.count += row.count;
    one.errors += row.errors;
    const index = times.get(row.at);
    if (index !== undefined) [one.ratios[index], one.p99[index]] = [row.errors / Math.max(1, row.count), row.p99];
    sums.set(version, one);
  }
  return [...sums.values()].sort((a, b) => b.count - a.count);
}

/** Whether two versions fail equally often: the chance of a difference this large by accident. */
export function differs(a: Pick<VersionSum, "count" | "errors">, b: Pick<VersionSum, "count" | "errors">): number {
  if (a.count === 0 || b.count === 0) return 1;
  const pooled = (a.errors + b.errors) / (a.count + b.count);
  if (pooled === 0 || pooled === 1) return 1;
  const z = Math.abs(a.errors / a.count - b.errors / b.count) / Math.sqrt(pooled * (1 - pooled) * (1 / a.count + 1 / b.count));
  return Math.min(1, 2 * upperTail(z));
}
