/** Time as the server says it: nanoseconds since 1970, which no JavaScript number holds. */

declare const brand: unique symbol;
/** Nanoseconds since 1970, or a span of them. */
export type Nanos = bigint & { readonly [brand]: "nanos" };

export const NS_PER_US = 1_000n;
export const NS_PER_MS = 1_000_000n;
export const NS_PER_S = 1_000_000_000n;

export const nanos = (value: bigint | number | string): Nanos => BigInt(value) as Nanos;
export const fromMs = (ms: number): Nanos => (BigInt(Math.round(ms * 1000)) * NS_PER_US) as Nanos;
export const fromSeconds = (seconds: number): Nanos => fromMs(seconds * 1000);
/** Loses what is below a microsecond. */
export const toMs = (time: Nanos): number => Number(time / NS_PER_US) / 1000;
export const toSeconds = (time: Nanos): number => toMs(time) / 1000;
export const add = (time: Nanos, span: Nanos): Nanos => (time + span) as Nanos;
export const subtract = (later: Nanos, earlier: Nanos): Nanos => (later - earlier) as Nanos;
export const toIso = (time: Nanos): string => new Date(toMs(time)).toISOString();

/** `UTC`, or `local` for the browser's zone. */
export type Zone = "UTC" | "local";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (n: number) => String(n).padStart(2, "0");

interface Clock {
  year: number;
  month: number;
  day: number;
  hours: number;
  minutes: number;
  seconds: number;
  ms: number;
}

/** The calendar's and the clock's figures in `zone`. */
export function clockOf(time: Nanos, zone: Zone): Clock {
  const date = new Date(toMs(time));
  if (zone === "UTC") {
    return {
      year: date.getUTCFullYear(),
      month: date.getUTCMonth(),
      day: date.getUTCDate(),
      hours: date.getUTCHours(),
      minutes: date.getUTCMinutes(),
      seconds: date.getUTCSeconds(),
      ms: date.getUTCMilliseconds(),
    };
  }
  return {
    year: date.getFullYear(),
    month: date.getMonth(),
    day: date.getDate(),
    hours: date.getHours(),
    minutes: date.getMinutes(),
    seconds: date.getSeconds(),
    ms: date.getMilliseconds(),
  };
}

/** `02:31`: on axes and in sentences. */
export function hm(time: Nanos, zone: Zone): string {
  const c = clockOf(time, zone);
  return `${two(c.hours)}:${two(c.minutes)}`;
}

/** `02:31:04`. */
export const hms = (time: Nanos, zone: Zone): string => `${hm(time, zone)}:${two(clockOf(time, zone).seconds)}`;

/** `02:31:04.120`: in rows. */
export function hmsMs(time: Nanos, zone: Zone): string {
  const c = clockOf(time, zone);
  return `${two(c.hours)}:${two(c.minutes)}:${two(c.seconds)}.${String(c.ms).padStart(3, "0")}`;
}

/** `22 Nov`. */
export function dayMonth(time: Nanos, zone: Zone): string {
  const c = clockOf(time, zone);
  return `${c.day} ${MONTHS[c.month] ?? ""}`;
}

const sameDay = (a: Nanos, b: Nanos, zone: Zone) => {
  const [x, y] = [clockOf(a, zone), clockOf(b, zone)];
  return x.year === y.year && x.month === y.month && x.day === y.day;
};

/** `02:31`, or `22 Nov 02:31` when the day differs from `now`'s. */
export const when = (time: Nanos, now: Nanos, zone: Zone): string =>
  sameDay(time, now, zone) ? hm(time, zone) : `${dayMonth(time, zone)} ${hm(time, zone)}`;

/** `02:31–03:12`; each end with its day where that is not clear. */
export const spell = ({ from, to }: { from: Nanos; to: Nanos }, now: Nanos, zone: Zone): string =>
  `${when(from, now, zone)}–${dayMonth(from, zone) === dayMonth(to, zone) ? hm(to, zone) : when(to, now, zone)}`;

/** `2026-11-22 02:31:04.120345678`: in details, nothing left out. */
export function exact(time: Nanos, zone: Zone): string {
  const c = clockOf(time, zone);
  const rest = String(((time % NS_PER_S) + NS_PER_S) % NS_PER_S).padStart(9, "0");
  return `${c.year}-${two(c.month + 1)}-${two(c.day)} ${hms(time, zone)}.${rest}`;
}

/** The zone's name for the page: `UTC`, or `CET`. */
export function zoneName(zone: Zone): string {
  if (zone === "UTC") return "UTC";
  const parts = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" }).formatToParts(new Date());
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "local";
}

/** The times of a whole range at even places, with their days where it is longer than one. */
export function rangeLabels(at: readonly Nanos[], zone: Zone): string[] {
  const length = (at.at(-1) ?? 0n) - (at[0] ?? 0n);
  if (length > 4n * 86_400n * NS_PER_S) return at.map((time) => dayMonth(time, zone));
  if (length > 86_400n * NS_PER_S) return at.map((time) => `${dayMonth(time, zone)} ${hm(time, zone)}`);
  return at.map((time) => (length < 600n * NS_PER_S ? hms(time, zone) : hm(time, zone)));
}
