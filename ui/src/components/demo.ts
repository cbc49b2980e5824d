/** What the demo's faults are doing, in words. */

import { nanos } from "@/model/time";
import { duration } from "@/model/units";
import type { Fault } from "@/api/demo";

/** How long a fault lasts that is begun by a click: long enough for its alert to fire, and to end by itself. */
export const FAULT_LASTS = "5m";

/** `slow-database` as a word. */
export const faultName = (name: string): string => name.replaceAll("-", " ").replace(/^./, (first) => first.toUpperCase());

const inMs = (ms: number): string => duration(nanos(BigInt(Math.max(1, Math.round(ms / 1000))) * 1_000_000_000n));

/** `on, ends in 4 min 10 s`, `begins in 30 s`; empty when it neither is nor will be. */
export function faultState({ is_on, starts_in_ms: starts, ends_in_ms: ends }: Pick<Fault, "is_on" | "starts_in_ms" | "ends_in_ms">): string {
  if (is_on) return ends === null || ends === undefined ? "on, until it is ended" : `on, ends in ${inMs(ends)}`;
  return starts === null || starts === undefined ? "" : `begins in ${inMs(starts)}`;
}

/** Whether there is something to end. */
export const isPlanned = (fault: Pick<Fault, "is_on" | "starts_in_ms">): boolean => fault.is_on || typeof fault.starts_in_ms === "number";
