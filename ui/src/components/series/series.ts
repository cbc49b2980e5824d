/** Series as lines of a chart. */

import type { Exemplars, Labels, PromSeries } from "@/api/promql";
import { type Range, stepFor } from "@/model/range";
import { type Nanos, nanos, NS_PER_S, toSeconds } from "@/model/time";

/** Beyond so many, only the largest are drawn until asked for all. */
export const SERIES_SHOWN = 20;

/** The step chosen, or a round one that makes about 240 points. */
export function stepOf(step: string, range: Range): Nanos {
  const units: Record<string, bigint> = { s: 1n, m: 60n, h: 3600n };
  const match = /^(\d+)([smh])$/.exec(step);
  return match ? ((BigInt(match[1] ?? 0) * (units[match[2] ?? "s"] ?? 1n) * NS_PER_S) as Nanos) : stepFor(range);
}

/** Bounds that are multiples of the step, so that points stay where they are from refresh to refresh. */
export const aligned = (range: Range, step: Nanos): Range => ({ from: nanos((range.from / step) * step), to: nanos((range.to / step) * step) });

export function gridOf(range: Range, step: Nanos): Nanos[] {
  const times: Nanos[] = [];
  for (let at = range.from; at <= range.to; at = nanos(at + step)) times.push(at);
  return times;
}

export interface Drawn {
  name: string;
  labels: Labels;
  values: (number | null)[];
}

/** One value per time of the grid; what is missing is null. */
export function onGrid(series: readonly PromSeries[], grid: readonly Nanos[], prefix = ""): Drawn[] {
  const places = new Map(grid.map((at, index) => [Math.round(toSeconds(at)), index]));
  const names = namesOf(series.map((one) => one.metric));
  return series.map((one, index) => {
    const values: (number | null)[] = new Array<number | null>(grid.length).fill(null);
    for (const [seconds, value] of one.values) {
      const at = places.get(Math.round(seconds));
      if (at !== undefined && Number.isFinite(value)) values[at] = value;
    }
    return { name: prefix + (names[index] ?? ""), labels: one.metric, values };
  });
}

/** `route="/cart"`: the labels that tell series apart; all of them when there is one series. Equal names get a number. */
export function namesOf(all: readonly Labels[]): string[] {
  const keys = [...new Set(all.flatMap((labels) => Object.keys(labels)))].sort();
  const telling = all.length < 2 ? keys : keys.filter((key) => new Set(all.map((labels) => labels[key])).size > 1);
  const seen = new Map<string, number>();
  return all.map((labels) => {
    const metric = labels.__name__ && (telling.includes("__name__") || all.length === 1) ? labels.__name__ : "";
    const rest = telling.filter((key) => key !== "__name__" && labels[key] !== undefined).map((key) => `${key}="${labels[key] ?? ""}"`);
    const name = rest.length > 0 ? `${metric}{${rest.join(", ")}}` : metric || "value";
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return times > 1 ? `${name} ${times}` : name;
  });
}

const largest = (values: readonly (number | null)[]): number => values.reduce<number>((most, value) => (value !== null && value > most ? value : most), -Infinity);

/** The largest by maximum, unless all are wanted. */
export function shownOf(lines: readonly Drawn[], all: boolean): Drawn[] {
  if (all || lines.length <= SERIES_SHOWN) return [...lines];
  return [...lines].sort((a, b) => largest(b.values) - largest(a.values)).slice(0, SERIES_SHOWN);
}

export interface Exemplar {
  at: Nanos;
  /** What was observed. */
  value: number;
  /** Where it is drawn: its value, or the height of the chart's lines where these mean something else. */
  y: number;
  traceId: string;
  spanId: string;
}

/** At most so many: the largest of each stretch of time. */
const EXEMPLARS_MAX = 120;

/** Exemplars with a trace, each once (its series stand in several buckets), thinned to the largest of each stretch. */
export function exemplarsOf(found: Exemplars, range: Range, height: ((at: Nanos) => number | null) | null): Exemplar[] {
  const slots = new Map<string, Exemplar>();
  const width = Number(range.to - range.from) / EXEMPLARS_MAX;
  for (const { exemplars } of found) {
    for (const { labels, value, timestamp } of exemplars) {
      const traceId = labels.trace_id ?? labels.traceID ?? labels.traceId;
      if (!traceId || timestamp < range.from || timestamp > range.to) continue;
      const y = height ? height(timestamp) : value;
      if (y === null) continue;
      const slot = String(Math.floor(Number(timestamp - range.from) / width));
      const before = slots.get(slot);
      if (!before || value > before.value) slots.set(slot, { at: timestamp, value, y, traceId, spanId: labels.span_id ?? "" });
    }
  }
  return [...slots.values()].sort((a, b) => (a.at < b.at ? -1 : 1));
}

/** The highest line at `at`. */
export function heightOf(lines: readonly Drawn[], grid: readonly Nanos[]): (at: Nanos) => number | null {
  return (at) => {
    const [first, second] = [grid[0], grid[1]];
    if (first === undefined || second === undefined) return null;
    const index = Math.round(Number(at - first) / Number(second - first));
    const values = lines.map((line) => line.values[index] ?? null).filter((value) => value !== null);
    return values.length === 0 ? null : Math.max(...values);
  };
}

