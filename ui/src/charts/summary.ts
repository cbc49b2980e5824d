/** A chart in words, for who does not see it. */

import { hm, type Nanos, type Zone } from "@/model/time";
import { format, type Unit } from "@/model/units";
import type { Line, Mark } from "./TimeSeries";

export interface Extent {
  last: number | null;
  max: number | null;
  min: number | null;
}

export function extentOf(values: readonly (number | null)[]): Extent {
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value));
  if (known.length === 0) return { last: null, max: null, min: null };
  return {
    last: known.at(-1) ?? null,
    max: known.reduce((a, b) => Math.max(a, b)),
    min: known.reduce((a, b) => Math.min(a, b)),
  };
}

/** At most five lines are spelled out. */
const LINES_MAX = 5;

export function summaryOf(label: string, lines: readonly Line[], times: readonly Nanos[], unit: Unit, marks: readonly Mark[], zone: Zone): string {
  const [first, last] = [times[0], times.at(-1)];
  const span = first !== undefined && last !== undefined ? `, ${hm(first, zone)} to ${hm(last, zone)}` : "";
  const parts = lines.slice(0, LINES_MAX).map((line) => {
    const { min, max, last: now } = extentOf(line.values);
    return max === null ? `${line.name}: no data` : `${line.name}: ${format(min, unit)} to ${format(max, unit)}, last ${format(now, unit)}`;
  });
  if (lines.length > LINES_MAX) parts.push(`and ${lines.length - LINES_MAX} more lines`);
  const events = marks.map((mark) => `${mark.label} at ${hm(mark.at, zone)}`);
  return `${label}${span}. ${[...parts, ...events].join("; ")}.`;
}
