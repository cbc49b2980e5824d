/** Where things stand on the burn-down: pure geometry. */

import type { Frame } from "@/charts/frame";
import { dayMonth, fromMs, hm, type Nanos, nanos, toMs, type Zone } from "@/model/time";

export interface Scale {
  x: (time: Nanos) => number;
  y: (value: number) => number;
  time: (x: number) => Nanos;
}

export function scaleOf(frame: Frame, from: Nanos, to: Nanos, low: number, high: number): Scale {
  const inner = frame.width - frame.left - frame.right;
  const span = Math.max(1, toMs(nanos(to - from)));
  const tall = frame.height - frame.top - frame.bottom;
  return {
    x: (time) => frame.left + (toMs(nanos(time - from)) / span) * inner,
    y: (value) => frame.top + ((high - value) / Math.max(1e-12, high - low)) * tall,
    time: (x) => fromMs(toMs(from) + (Math.min(inner, Math.max(0, x - frame.left)) / Math.max(1, inner)) * span),
  };
}

/** Lines of the budget's grid: 100 to 0 in quarters; below zero as far as it goes. */
export function budgetTicks(least: number): number[] {
  const ticks = [1, 0.75, 0.5, 0.25, 0];
  if (least >= 0) return ticks;
  // Far below zero the quarters would lie on one another.
  if (least < -3) ticks.splice(1, 3);
  const step = least > -1 ? 0.5 : Math.ceil(-least / 4);
  for (let at = -step; at > least - step; at -= step) ticks.push(at);
  return ticks;
}

/** Three to four round steps from zero to `most`. */
export function roundTicks(most: number): number[] {
  if (most <= 0) return [0, 1];
  const power = 10 ** Math.floor(Math.log10(most));
  const step = [0.25, 0.5, 1, 2, 2.5, 5].map((n) => n * power).find((one) => most / one <= 4) ?? power * 5;
  const ticks = [];
  for (let n = 0; (n - 1) * step < most; n++) ticks.push(n * step);
  return ticks;
}

export interface TimeTick {
  at: Nanos;
  label: string;
}

/** About `most` round instants, days or clock times. */
export function timeTicks(from: Nanos, to: Nanos, zone: Zone, most: number): TimeTick[] {
  const minute = 60_000;
  const steps = [5, 15, 30, 60, 180, 360, 720, 1440, 2880, 7 * 1440, 14 * 1440, 30 * 1440, 90 * 1440].map((m) => m * minute);
  const span = toMs(to) - toMs(from);
  const step = steps.find((one) => span / one <= most) ?? span;
  const offset = zone === "local" ? new Date(toMs(to)).getTimezoneOffset() * minute : 0;
  const ticks: TimeTick[] = [];
  for (let at = Math.ceil((toMs(from) - offset) / step) * step + offset; at < toMs(to); at += step) {
    const time = fromMs(at);
    ticks.push({ at: time, label: step >= 1440 * minute ? dayMonth(time, zone) : hm(time, zone) });
  }
  return ticks;
}

/** Labels that would lie on one another are left out, the first come stay. */
export function apart<T extends { x: number; width: number }>(labels: readonly T[]): T[] {
  const kept: T[] = [];
  for (const label of labels) {
    if (!kept.includes(label) && kept.every((other) => label.x + label.width < other.x || other.x + other.width < label.x)) kept.push(label);
  }
  return kept;
}

export const pathOf = (points: readonly (readonly [number, number])[]): string =>
  points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
