/** What a rectangle over time and duration selects, and how it is asked for. */

import { conditionsOf, written, braces, type Condition } from "@/model/traceql/form";
import type { Range } from "@/model/range";
import { type Nanos, nanos } from "@/model/time";
import { durationAt, type Point, type Scale, timeAt } from "./points";

export interface Brush {
  range: Range;
  durationMin: Nanos;
  durationMax: Nanos;
}

export const brushText = (brush: Brush): string => `${brush.range.from}-${brush.range.to}-${brush.durationMin}-${brush.durationMax}`;
export function brushOf(text: string): Brush | null {
  const [from, to, least, most] = text.split("-").map((part) => (/^\d+$/.test(part) ? nanos(part) : null));
  return from && to && least !== undefined && most && least !== null ? { range: { from, to }, durationMin: least, durationMax: most } : null;
}

/** A rectangle between two corners, in shares. */
export function brushBetween(scale: Scale, a: { x: number; y: number }, b: { x: number; y: number }): Brush {
  const least = durationAt(scale, Math.min(a.y, b.y));
  const most = durationAt(scale, Math.max(a.y, b.y));
  return {
    range: { from: timeAt(scale, Math.min(a.x, b.x)), to: timeAt(scale, Math.max(a.x, b.x)) },
    durationMin: nanos(Math.floor(least)), durationMax: nanos(Math.ceil(most)),
  };
}

/** As far as it lies within `range`; null when it lies beside it. */
export function within(brush: Brush | null, range: Range): Brush | null {
  if (!brush) return null;
  const [from, to] = [brush.range.from > range.from ? brush.range.from : range.from, brush.range.to < range.to ? brush.range.to : range.to];
  return from < to ? { ...brush, range: { from, to } } : null;
}

/** The spans of `query` that last as long as the brush says; when they begin is the range's part. */
export function brushedQuery(query: string, brush: Brush): string {
  const durations: Condition[] = [
    { field: "duration", op: ">=", value: `${brush.durationMin}ns` }, { field: "duration", op: "<=", value: `${brush.durationMax}ns` },
  ];
  const conditions = conditionsOf(query);
  return conditions ? braces([...conditions, ...durations]) : `${query.trim()} | { ${durations.map(written).join(" && ")} }`;
}

/** A trace is found by any of its spans, and shows all of them: these lie under the brush. */
export const underBrush = (brush: Brush | null) => (point: Pick<Point, "start" | "duration">): boolean =>
  brush === null || (point.start >= brush.range.from && point.start < brush.range.to && point.duration >= Number(brush.durationMin) && point.duration <= Number(brush.durationMax));
