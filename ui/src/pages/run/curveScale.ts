/** Where percentiles stand on the curve: 1 ÷ (1 − q) on a logarithmic axis, latency on a linear or logarithmic one. Pure geometry. */

import type { Frame } from "@/charts/frame";
import type { CurvePoint } from "@/model/run/latency";
import { durationMs, THIN } from "@/model/units";

export interface CurveScale {
  x: (odds: number) => number;
  y: (ns: number) => number;
  odds: (x: number) => number;
  low: number;
  high: number;
}

/** How far above the largest value a band may reach before it is cut. */
const ABOVE = 1.15;

export function scaleOf(frame: Frame, curves: readonly (readonly CurvePoint[])[], kind: "linear" | "log"): CurveScale {
  const points = curves.flat();
  const values = points.map((point) => point.value).filter((value) => value > 0);
  const most = Math.max(1, ...values) * ABOVE;
  const least = kind === "linear" ? 0 : Math.max(1, Math.min(...values, most / 10)) / ABOVE;
  const decades = Math.max(1, Math.log10(Math.max(10, ...points.map((point) => point.odds))));
  const [wide, tall] = [frame.width - frame.left - frame.right, frame.height - frame.top - frame.bottom];
  const part = (ns: number) => (kind === "linear" ? ns / most : Math.log(Math.max(ns, least) / least) / Math.log(most / least));
  return {
    x: (odds) => frame.left + (Math.log10(odds) / decades) * wide,
    y: (ns) => frame.top + (1 - Math.min(1.02, part(ns))) * tall,
    odds: (x) => 10 ** (Math.min(1, Math.max(0, (x - frame.left) / Math.max(1, wide))) * decades),
    low: least, high: most,
  };
}

export interface Tick {
  at: number;
  label: string;
}

/** 0, 50, 90, 99, 99.9 … as far as the curves go. */
export function percentTicks(oddsMost: number): Tick[] {
  const ticks: Tick[] = [{ at: 1, label: "0" }, { at: 2, label: "50" }, { at: 4, label: "75" }, { at: 10, label: "90" }];
  for (let nines = 2; 10 ** nines <= oddsMost * 1.001; nines++) ticks.push({ at: 10 ** nines, label: nines === 2 ? "99" : `99.${"9".repeat(nines - 2)}` });
  return ticks.map((tick) => ({ ...tick, label: `${tick.label}${THIN}%` }));
}

/** Three to five round latencies; on the logarithmic axis 1, 2 and 5 of each decade. */
export function latencyTicks(low: number, high: number, kind: "linear" | "log"): Tick[] {
  const named = (ns: number): Tick => ({ at: ns, label: durationMs(ns / 1e6) });
  if (kind === "linear") {
    const power = 10 ** Math.floor(Math.log10(high));
    const step = [0.2, 0.25, 0.5, 1, 2, 2.5].map((n) => n * power).find((one) => high / one <= 5) ?? power * 5;
    return Array.from({ length: Math.floor(high / step) + 1 }, (_, n) => named(n * step));
  }
  const ticks: Tick[] = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) for (const n of [1, 2, 5]) if (n * power >= low && n * power <= high) ticks.push(named(n * power));
  return ticks.length <= 7 ? ticks : ticks.filter((tick) => /^1/.test(String(tick.at)));
}

const at = (x: number, y: number) => `${x.toFixed(1)} ${y.toFixed(1)}`;

/** The curve as far as its confidence is bounded, and the rest: there the sample says nothing of what is above. */
export function linesOf(points: readonly CurvePoint[], scale: CurveScale): { sure: string; unsure: string } {
  const path = (part: readonly CurvePoint[]) => (part.length < 2 ? "" : `M${part.map((point) => at(scale.x(point.odds), scale.y(point.value))).join("L")}`);
  const bounded = points.findLastIndex((point) => point.high !== null);
  // Without a histogram nothing is bounded, and the points that are known are joined.
  if (bounded < 0) return { sure: path(points), unsure: "" };
  return { sure: path(points.slice(0, bounded + 1)), unsure: path(points.slice(bounded)) };
}

/** The 95 % band, there and back. */
export function bandOf(points: readonly CurvePoint[], scale: CurveScale): string {
  const known = points.flatMap((point) => (point.low === null || point.high === null ? [] : [{ x: scale.x(point.odds), low: scale.y(point.low), high: scale.y(point.high) }]));
  if (known.length < 2) return "";
  return `M${known.map((one) => at(one.x, one.high)).join("L")}L${known.reverse().map((one) => at(one.x, one.low)).join("L")}Z`;
}
