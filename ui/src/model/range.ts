/** The time range of every page: as written (`now-1h`), and as resolved at one moment. */

import { clockOf, dayMonth, fromMs, hm, type Nanos, NS_PER_MS, NS_PER_S, nanos, toIso, type Zone } from "./time";

/** As the URL says it: each end is `now`, `now-90m`, or an instant in ISO 8601. */
export interface RangeText {
  from: string;
  to: string;
}

/** Half open: `from <= t < to`. */
export interface Range {
  from: Nanos;
  to: Nanos;
}

export const DEFAULT_RANGE: RangeText = { from: "now-1h", to: "now" };

export const PRESETS: { text: RangeText; label: string }[] = ([
  ["5m", "5 min"], ["15m", "15 min"], ["30m", "30 min"], ["1h", "1 h"], ["3h", "3 h"], ["6h", "6 h"], ["12h", "12 h"],
  ["1d", "24 h"], ["2d", "2 d"], ["7d", "7 d"], ["30d", "30 d"],
] as const).map(([span, label]) => ({ text: { from: `now-${span}`, to: "now" }, label: `Last ${label}` }));

const UNITS: Record<string, bigint> = {
  ms: NS_PER_MS, s: NS_PER_S, m: 60n * NS_PER_S, min: 60n * NS_PER_S, h: 3600n * NS_PER_S, d: 86_400n * NS_PER_S, w: 604_800n * NS_PER_S,
};

/** `90m`, `1h30m`, `2 d`: a span of time, or nothing. */
export function parseSpan(text: string): Nanos | null {
  const compact = text.replaceAll(/\s/g, "").toLowerCase();
  if (!/^(\d+(\.\d+)?(ms|min|[smhdw]))+$/.test(compact)) return null;
  let sum = 0n;
  for (const [, amount, unit] of compact.matchAll(/(\d+(?:\.\d+)?)(ms|min|[smhdw])/g)) {
    const size = UNITS[unit ?? ""];
    if (size === undefined || amount === undefined) return null;
    sum += BigInt(Math.round(Number(amount) * 1000)) * (size / 1000n);
  }
  return sum > 0n ? nanos(sum) : null;
}

/** One end of a range at the moment `now`. */
export function resolveEnd(text: string, now: Nanos): Nanos | null {
  if (text === "now") return now;
  const relative = /^now([-+])(.+)$/.exec(text);
  if (relative) {
    const span = parseSpan(relative[2] ?? "");
    if (span === null) return null;
    return nanos(relative[1] === "-" ? now - span : now + span);
  }
  if (/^\d{18,19}$/.test(text)) return nanos(text);
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return null;
  const ms = Date.parse(/[zZ]$|[-+]\d\d:?\d\d$/.test(text) ? text : `${text}Z`);
  return Number.isNaN(ms) ? null : fromMs(ms);
}

/** The range at `now`; null when an end is no time or the range is empty. */
export function resolveRange(text: RangeText, now: Nanos): Range | null {
  const [from, to] = [resolveEnd(text.from, now), resolveEnd(text.to, now)];
  return from === null || to === null || from >= to ? null : { from, to };
}

export const isRelative = (text: RangeText): boolean => text.from.startsWith("now") || text.to.startsWith("now");
export const absolute = (range: Range): RangeText => ({ from: toIso(range.from), to: toIso(range.to) });
export const widthOf = (range: Range): Nanos => nanos(range.to - range.from);
export const contains = (range: Range, time: Nanos): boolean => range.from <= time && time < range.to;

/** The same width, `parts` widths earlier (negative) or later. */
export function shift(range: Range, parts: number): Range {
  const by = BigInt(Math.round(Number(widthOf(range)) * parts));
  return { from: nanos(range.from + by), to: nanos(range.to + by) };
}

/** Around the same middle: a `factor` of 0.5 zooms in, 2 out; never past `now`. */
export function zoom(range: Range, factor: number, now: Nanos): Range {
  const width = BigInt(Math.max(1e6, Math.round(Number(widthOf(range)) * factor)));
  const middle = (range.from + range.to) / 2n;
  const past = middle + width / 2n - now;
  const to = past > 0n && range.to <= now ? now : middle + width / 2n;
  return { from: nanos(to - width), to: nanos(to) };
}

/** `Last 1 h`, `02:12 – 03:12`, `21 Nov 14:00 – 22 Nov 03:12`. */
export function describeRange(text: RangeText, now: Nanos, zone: Zone): string {
  const preset = PRESETS.find((p) => p.text.from === text.from && p.text.to === text.to);
  if (preset) return preset.label;
  if (text.to === "now" && text.from.startsWith("now-")) return `Last ${text.from.slice(4)}`;
  const range = resolveRange(text, now);
  if (!range) return "No range";
  const [today, a, b] = [dayMonth(now, zone), dayMonth(range.from, zone), dayMonth(range.to, zone)];
  const left = a === today && b === today ? hm(range.from, zone) : `${a} ${hm(range.from, zone)}`;
  return `${left} – ${b === a ? "" : `${b} `}${hm(range.to, zone)}`;
}

/**
 * What somebody typed or pasted: `90m`, `last 2 h`, `yesterday 14:00 to 15:30`, `14:00 - 15:30`, `2026-11-22T02:31Z`
 * (five minutes to either side), two instants, Unix seconds or milliseconds.
 */
export function parseRange(typed: string, now: Nanos, zone: Zone): RangeText | null {
  const text = typed.trim().replaceAll(/\s+/g, " ");
  const span = text.replace(/^(last|past) /i, "");
  if (parseSpan(span) !== null) return { from: `now-${span.replaceAll(" ", "")}`, to: "now" };
  if (/^today$/i.test(text)) return checked({ from: toIso(midnight(now, zone, 0)), to: "now" }, now);
  if (/^yesterday$/i.test(text)) {
    return { from: toIso(midnight(now, zone, -1)), to: toIso(midnight(now, zone, 0)) };
  }
  const halves = text.split(/ (?:to|until|–|-) |\/|–/i);
  if (halves.length === 2) return parsePair(halves[0] ?? "", halves[1] ?? "", now, zone);
  const at = parseInstant(text, now, zone);
  if (at === null) return null;
  const around = 300n * NS_PER_S;
  return { from: toIso(nanos(at - around)), to: toIso(nanos(at + around)) };
}

function parsePair(left: string, right: string, now: Nanos, zone: Zone): RangeText | null {
  const from = parseInstant(left, now, zone);
  if (from === null) return null;
  if (/^now$/i.test(right.trim())) return { from: toIso(from), to: "now" };
  // `yesterday 14:00 to 15:30`: the second clock is of the first one's day.
  const to = parseInstant(right, from, zone);
  return to === null ? null : checked({ from: toIso(from), to: toIso(to) }, now);
}

const checked = (text: RangeText, now: Nanos): RangeText | null => (resolveRange(text, now) ? text : null);

/** One instant, where a bare clock is of `reference`'s day. */
export function parseInstant(typed: string, reference: Nanos, zone: Zone): Nanos | null {
  const text = typed.trim();
  const clock = /^(?:(today|yesterday) )?(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,3}))?)?$/i.exec(text);
  if (clock) {
    const [, day, hours, minutes, seconds, fraction] = clock;
    const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds ?? 0)) * 1000 + Number((fraction ?? "0").padEnd(3, "0"));
    return nanos(midnight(reference, zone, day?.toLowerCase() === "yesterday" ? -1 : 0) + fromMs(ms));
  }
  if (/^\d{10}$/.test(text)) return fromMs(Number(text) * 1000);
  if (/^\d{13}$/.test(text)) return fromMs(Number(text));
  if (/^\d{18,19}$/.test(text)) return nanos(text);
  const iso = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?))?\s*(Z|[-+]\d\d:?\d\d)?/i.exec(text);
  if (!iso) return null;
  const [, date, time = "00:00", offset] = iso;
  const suffix = offset ?? (zone === "UTC" ? "Z" : "");
  const ms = Date.parse(`${date ?? ""}T${time.replace(",", ".")}${suffix}`);
  return Number.isNaN(ms) ? null : fromMs(ms);
}

function midnight(of: Nanos, zone: Zone, days: number): Nanos {
  const { year, month, day } = clockOf(of, zone);
  return fromMs(zone === "UTC" ? Date.UTC(year, month, day + days) : new Date(year, month, day + days).getTime());
}

/** A step that gives about `points` points and is round: 15 s, 1 min, 5 min… */
export function stepFor(range: Range, points = 240): Nanos {
  const rounds = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];
  const least = Number(widthOf(range)) / 1e9 / points;
  return nanos(BigInt(rounds.find((seconds) => seconds >= least) ?? 86_400) * NS_PER_S);
}
