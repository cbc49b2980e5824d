/** Bars over time, stacked by severity. */

import type { LogHistogram } from "@/api/logs";
import type { Range } from "@/model/range";
import type { Nanos } from "@/model/time";
import { severityOf, STACK } from "@/components/logs/severity";

export interface Bars {
  /** One path per severity that occurs, quiet ones first, in a box of `width` × `height`. */
  paths: { severity: string; d: string }[];
  max: number;
  total: number;
  counts: Map<string, number>;
}

const place = (time: Nanos, range: Range): number => Number(time - range.from) / Number(range.to - range.from);

/** The SVG paths of a histogram. Bars keep a gap of 15 %, and are at least half a pixel high. */
export function barsOf({ step, buckets }: LogHistogram, range: Range, width: number, height: number): Bars {
  const counts = new Map<string, number>();
  const paths = new Map<string, string>(STACK.map((severity) => [severity, ""]));
  const max = buckets.reduce((most, bucket) => Math.max(most, bucket.count), 0);
  for (const bucket of buckets) {
    const left = Math.max(0, place(bucket.time, range) * width);
    const right = Math.min(width, place((bucket.time + step) as Nanos, range) * width);
    if (right <= left) continue;
    const barWidth = Math.max(0.5, (right - left) * 0.85);
    const bySeverity = grouped(bucket.severities);
    let base = height;
    for (const severity of STACK) {
      const count = bySeverity.get(severity) ?? 0;
      if (count === 0) continue;
      counts.set(severity, (counts.get(severity) ?? 0) + count);
      const size = Math.max(0.5, (count / max) * height);
      paths.set(severity, `${paths.get(severity) ?? ""}M${left.toFixed(1)} ${(base - size).toFixed(1)}h${barWidth.toFixed(1)}v${size.toFixed(1)}h${(-barWidth).toFixed(1)}z`);
      base -= size;
    }
  }
  const drawn = [...paths].filter(([, d]) => d !== "").map(([severity, d]) => ({ severity, d }));
  return { paths: drawn, max, counts, total: buckets.reduce((sum, bucket) => sum + bucket.count, 0) };
}

/** The six classes; other words a sender may have used count as none. */
function grouped(severities: Record<string, number>): Map<string, number> {
  const out = new Map<string, number>();
  for (const [name, count] of Object.entries(severities)) {
    const severity = severityOf(name);
    out.set(severity, (out.get(severity) ?? 0) + count);
  }
  return out;
}

/** Round times along the axis, about `wanted` of them, with their places from 0 to 1. */
export function ticksOf(range: Range, wanted: number): { at: Nanos; place: number }[] {
  const SECOND = 1_000_000_000n;
  const steps = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800].map((s) => BigInt(s) * SECOND);
  const width = range.to - range.from;
  const step = steps.find((one) => width / one <= BigInt(wanted)) ?? 604_800n * SECOND;
  const ticks: { at: Nanos; place: number }[] = [];
  for (let at = (range.from / step + 1n) * step; at < range.to; at += step) ticks.push({ at: at as Nanos, place: place(at as Nanos, range) });
  return ticks;
}

/** `30 s`, `5 min`: a step is round. */
export function stepWords(step: Nanos): string {
  const seconds = Number(step) / 1e9;
  const [size, unit] = seconds >= 86_400 ? [86_400, "d"] : seconds >= 3600 ? [3600, "h"] : seconds >= 60 ? [60, "min"] : [1, "s"];
  return `${seconds / size}\u202f${unit}`;
}
