/** Numbers as words: the table of units in one place, so that no page formats by hand. */

import { type Nanos, NS_PER_MS, NS_PER_S, NS_PER_US } from "./time";

/** Between a number and its unit, and between groups of digits: narrow, and never a line's end. */
export const THIN = "\u202f";
export const MINUS = "\u2212";
/** Not applicable. Not measured is `no data`, measured as nothing is `0`. */
export const NOT_APPLICABLE = "–";
export const NO_DATA = "no data";

/** Three significant digits, trailing zeros kept: `9.80`, `388`, `3.21`. */
export function significant(value: number, digits = 3): string {
  if (value === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(digits)))));
  const text = magnitude >= digits ? group(Math.round(value)) : value.toFixed(Math.max(0, digits - 1 - magnitude));
  return text.replace("-", MINUS);
}

/** `49 962 310`: grouped by narrow no-break spaces, exact. */
export function group(value: number | bigint): string {
  const digits = String(value < 0 ? -value : value);
  const grouped = digits.replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
  return value < 0 ? MINUS + grouped : grouped;
}

/** Counts in tables: exact to 99 999, then `124k`, `1.24M`. Show `group(value)` on hover, copy that. */
export function count(value: number | bigint): string {
  const n = Number(value);
  if (Math.abs(n) <= 99_999) return Number.isInteger(n) ? group(n) : significant(n);
  return short(n);
}

/** `1.24k`, `49.9M`. */
export function short(value: number): string {
  const steps: [number, string][] = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
  for (const [size, letter] of steps) {
    if (Math.abs(Number(value.toPrecision(3))) >= size) return significant(value / size) + letter;
  }
  return significant(value);
}

/** Per second, the unit being in the column's head: `19.8`, `311`, `1.24k`. */
export const rate = (perSecond: number): string => short(perSecond);

const DURATIONS: [bigint, string][] = [[NS_PER_S, "s"], [NS_PER_MS, "ms"], [NS_PER_US, "µs"], [1n, "ns"]];

/** `9.80 ms`, `388 ms`, `3.21 s`, `6 h 13 min`. */
export function duration(span: Nanos): string {
  if (span === 0n) return "0";
  const negative = span < 0n;
  const size: bigint = negative ? 0n - span : span;
  const text = size >= 60n * NS_PER_S ? longDuration(size) : shortDuration(size);
  return negative ? MINUS + text : text;
}

export const durationMs = (ms: number): string => duration(BigInt(Math.round(ms * 1e6)) as Nanos);
export const durationSeconds = (seconds: number): string => durationMs(seconds * 1000);

function shortDuration(size: bigint): string {
  for (const [unit, name] of DURATIONS) {
    if (size < unit) continue;
    const value = Number(size) / Number(unit);
    return (name === "ns" ? String(size) : significant(value)) + THIN + name;
  }
  return "0";
}

function longDuration(size: bigint): string {
  let seconds = Number((size + NS_PER_S / 2n) / NS_PER_S);
  const units: [number, string][] = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];
  const parts: string[] = [];
  for (const [unit, name] of units) {
    const whole = Math.floor(seconds / unit);
    if (whole > 0) parts.push(`${whole}${THIN}${name}`);
    // Two units, neighbours: `6 h 13 min`, `6 h`, never `6 h 5 s`.
    if (parts.length === 2 || (parts.length === 1 && whole === 0)) break;
    seconds -= whole * unit;
  }
  return parts.join(" ");
}

/** `2.13 %`; `< 0.01 %`; exactly zero is `0`. */
export function ratio(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) < 0.0001) return `<${THIN}0.01${THIN}%`;
  return (value * 100).toFixed(2).replace("-", MINUS) + THIN + "%";
}

/** An SLI from its integers, one digit more than its objective (at least three), rounded towards bad. */
export function sli(good: bigint, total: bigint, objective: number): string {
  if (total <= 0n) return NO_DATA;
  const digits = Math.max(3, decimals(objective * 100) + 1);
  const scale = 10n ** BigInt(digits + 2);
  const floored = (good * scale) / total;
  const text = String(floored).padStart(digits + 1, "0");
  return `${text.slice(0, -digits)}.${text.slice(-digits)}${THIN}%`;
}

/** An objective of 0.999 as `99.9 %`. */
export const objective = (target: number): string => `${Number((target * 100).toFixed(6))}${THIN}%`;

const decimals = (value: number): number => String(Number(value.toFixed(6))).split(".")[1]?.length ?? 0;

/** What is left of a budget, 1 being all: `18.4 %`, `−4.2 %`; never clamped. */
export const budget = (left: number): string => (left * 100).toFixed(1).replace("-", MINUS) + THIN + "%";

/** `21.3 ×`. */
export const burn = (value: number): string => significant(value) + THIN + "×";

/** `61 kB`, `1.24 MB`: decimal, for disk and wire. */
export function bytes(value: number): string {
  const steps: [number, string][] = [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];
  for (const [size, unit] of steps) if (Math.abs(value) >= size) return significant(value / size) + THIN + unit;
  return `${value}${THIN}B`;
}

/** `188 MiB`: memory. */
export const mebibytes = (value: number): string => significant(value / 1_048_576) + THIN + "MiB";

/** The first eight hex digits of an id; the whole id goes to `title` and to the clipboard. */
export const shortId = (id: string): string => id.slice(0, 8);

/** Units a chart or a tile can have. */
export type Unit = "count" | "rate" | "ratio" | "seconds" | "nanos" | "bytes" | "memory" | "burn" | "none";

/** A chart's value in its unit. */
export function format(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || Number.isNaN(value)) return NO_DATA;
  switch (unit) {
    case "count":
      return count(value);
    case "rate":
      return short(value);
    case "ratio":
      return ratio(value);
    case "seconds":
      return durationSeconds(value);
    case "nanos":
      return durationMs(value / 1e6);
    case "bytes":
      return bytes(value);
    case "memory":
      return mebibytes(value);
    case "burn":
      return burn(value);
    case "none":
      return significant(value);
  }
}
