/** Scatter and heat map as numbers: scales, points, cells. */

import type { FoundTrace } from "@/api/traces";
import type { Range } from "@/model/range";
import { type Nanos, nanos } from "@/model/time";

export interface Point {
  trace: string;
  span: string;
  start: Nanos;
  /** ns */
  duration: number;
  failed: boolean;
  service: string;
  name: string;
}

/** The spans that matched, as far as the answer shows them. Where they stand for their traces, they failed if anything in these did. */
export const pointsOf = (traces: readonly FoundTrace[], forTrace: boolean): Point[] =>
  traces.flatMap((trace) => trace.sets.flatMap((set) => set.spans.map((span) => ({
    trace: trace.trace_id, span: span.span_id, start: span.start_time, duration: Math.max(1, Number(span.duration)), 
    failed: span.status === "error" || (forTrace && Object.values(trace.services).some((one) => one.errors > 0)), service: span.service, name: span.name,
  }))));

/** Durations from `low` to `high` ns, powers of two. */
export interface Scale {
  range: Range;
  low: number;
  high: number;
}

/** Powers of two around all durations, at least a few of them. */
export function scaleOf(range: Range, durations: readonly number[]): Scale {
  let [least, most] = [Infinity, 0];
  for (const one of durations) {
    least = Math.min(least, one);
    most = Math.max(most, one);
  }
  if (most === 0) [least, most] = [1e6, 1e9];
  const [from, to] = [Math.floor(Math.log2(Math.max(1, least))), Math.ceil(Math.log2(Math.max(2, most)))];
  return { range, low: 2 ** Math.min(from, to - 3), high: 2 ** to };
}

const span = (scale: Scale) => Math.log2(scale.high) - Math.log2(scale.low);
/** Shares of the width, and of the height from below. */
export const xOf = ({ range }: Scale, time: bigint): number => Number(time - range.from) / Math.max(1, Number(range.to - range.from));
export const yOf = (scale: Scale, duration: number): number => (Math.log2(Math.max(1, duration)) - Math.log2(scale.low)) / span(scale);
export const timeAt = ({ range }: Scale, x: number): Nanos => nanos(range.from + BigInt(Math.round(Math.min(1, Math.max(0, x)) * Number(range.to - range.from))));
export const durationAt = (scale: Scale, y: number): number => 2 ** (Math.log2(scale.low) + Math.min(1, Math.max(0, y)) * span(scale));

/** Steps of the sequential colours, 1 to 8, on a square-root scale; 0 for nothing. */
export const step = (count: number, most: number): number => (count <= 0 ? 0 : Math.max(1, Math.min(8, Math.ceil(Math.sqrt(count / Math.max(1, most)) * 8))));

/** Round durations for the axis: about `lines` of 1, 10, 100 µs… or their halves. */
export function ticksOf(scale: Scale, lines = 5): number[] {
  const out: number[] = [];
  for (let power = 0; power <= 14; power++) for (const unit of [1, 2, 5]) if (unit * 10 ** power >= scale.low && unit * 10 ** power <= scale.high) out.push(unit * 10 ** power);
  const every = Math.max(1, Math.ceil(out.length / lines));
  return out.filter((_, i) => i % every === 0);
}

/** The point nearest to a place, within `reach` of the box's size in px. */
export function nearestPoint(points: readonly Point[], scale: Scale, x: number, y: number, width: number, height: number, reach = 8): Point | null {
  let best: Point | null = null;
  let least = reach * reach;
  for (const point of points) {
    const far = ((xOf(scale, point.start) - x) * width) ** 2 + ((yOf(scale, point.duration) - y) * height) ** 2;
    if (far <= least) {
      least = far;
      best = point;
    }
  }
  return best;
}

export interface Group {
  service: string;
  name: string;
  spans: number;
  failed: number;
  p50: number;
  longest: number;
}

/** Matched spans by service and name, the most first. */
export function groupsOf(points: readonly Point[]): Group[] {
  const all = new Map<string, Point[]>();
  for (const point of points) {
    const key = `${point.service}\u0000${point.name}`;
    const list = all.get(key);
    if (list) list.push(point);
    else all.set(key, [point]);
  }
  return [...all.values()].flatMap((list) => {
    const sorted = list.map((point) => point.duration).sort((a, b) => a - b);
    const [first] = list;
    return first ? [{ service: first.service, name: first.name, spans: list.length, failed: list.filter((point) => point.failed).length, p50: sorted[Math.ceil(sorted.length / 2) - 1] ?? 0, longest: sorted.at(-1) ?? 0 }] : [];
  }).sort((a, b) => b.spans - a.spans);
}
