/** Months as weeks of days, for choosing a range: pure, in the zone that the page shows. */

import type { RangeText } from "./range";
import { clockOf, fromMs, type Nanos, toIso, type Zone } from "./time";

/** A day of the calendar, months from 0. */
export interface Day {
  year: number;
  month: number;
  day: number;
}

export const MONTH_NAMES = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"] as const;
export const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] as const;

export const dayOf = (time: Nanos, zone: Zone): Day => {
  const { year, month, day } = clockOf(time, zone);
  return { year, month, day };
};

/** The day so many days later; months and years follow. */
export function plusDays({ year, month, day }: Day, days: number): Day {
  const date = new Date(Date.UTC(year, month, day + days));
  return { year: date.getUTCFullYear(), month: date.getUTCMonth(), day: date.getUTCDate() };
}

/** The same day of another month, or its last. */
export function plusMonths({ year, month, day }: Day, months: number): Day {
  const last = new Date(Date.UTC(year, month + months + 1, 0));
  return { year: last.getUTCFullYear(), month: last.getUTCMonth(), day: Math.min(day, last.getUTCDate()) };
}

const ordinal = ({ year, month, day }: Day): number => Date.UTC(year, month, day);
export const isSame = (a: Day, b: Day): boolean => ordinal(a) === ordinal(b);
export const isBefore = (a: Day, b: Day): boolean => ordinal(a) < ordinal(b);
export const isBetween = (day: Day, from: Day, to: Day): boolean => !isBefore(day, from) && !isBefore(to, day);

/** Weeks from Monday, with the neighbours' days that fill them. */
export function weeksOf({ year, month }: Pick<Day, "year" | "month">): Day[][] {
  const first: Day = { year, month, day: 1 };
  const lead = (new Date(Date.UTC(year, month, 1)).getUTCDay() + 6) % 7;
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const weeks = Math.ceil((lead + last) / 7);
  return Array.from({ length: weeks }, (_, week) => Array.from({ length: 7 }, (_, day) => plusDays(first, week * 7 + day - lead)));
}

const midnight = ({ year, month, day }: Day, zone: Zone): Nanos => fromMs(zone === "UTC" ? Date.UTC(year, month, day) : new Date(year, month, day).getTime());

/** Whole days, in either order; up to now when the last one is today. */
export function rangeOfDays(one: Day, other: Day, now: Nanos, zone: Zone): RangeText {
  const [from, to] = isBefore(other, one) ? [other, one] : [one, other];
  const end = midnight(plusDays(to, 1), zone);
  return { from: toIso(midnight(from, zone)), to: end > now ? "now" : toIso(end) };
}

/** `23 November 2026`. */
export const dayWords = ({ year, month, day }: Day): string => `${day} ${MONTH_NAMES[month] ?? ""} ${year}`;
