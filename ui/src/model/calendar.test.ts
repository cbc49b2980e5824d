import { expect, it } from "vitest";
import { type Day, dayOf, isBetween, plusDays, plusMonths, rangeOfDays, weeksOf } from "./calendar";
import { fromMs } from "./time";

const day = (year: number, month: number, d: number): Day => ({ year, month: month - 1, day: d });
const now = fromMs(Date.UTC(2026, 10, 23, 2, 30));

it("fills weeks from Monday with the neighbours’ days", () => {
  const november = weeksOf(day(2026, 11, 1));
  // The first of November 2026 is a Sunday.
  expect(november).toHaveLength(6);
  expect(november[0]?.[0]).toEqual(day(2026, 10, 26));
  expect(november[0]?.[6]).toEqual(day(2026, 11, 1));
  expect(november[5]?.[6]).toEqual(day(2026, 12, 6));
  expect(weeksOf(day(2027, 2, 1))).toHaveLength(4);
  expect(weeksOf(day(2028, 2, 1)).flat().filter((one) => one.month === 1)).toHaveLength(29);
});

it("goes over the ends of months and years", () => {
  expect(plusDays(day(2026, 12, 31), 1)).toEqual(day(2027, 1, 1));
  expect(plusMonths(day(2026, 3, 31), -1)).toEqual(day(2026, 2, 28));
  expect(plusMonths(day(2026, 12, 5), 1)).toEqual(day(2027, 1, 5));
});

it("makes whole days of two clicks in either order, and ends today now", () => {
  expect(rangeOfDays(day(2026, 11, 20), day(2026, 11, 18), now, "UTC")).toEqual({ from: "2026-11-18T00:00:00.000Z", to: "2026-11-21T00:00:00.000Z" });
  expect(rangeOfDays(day(2026, 11, 22), day(2026, 11, 23), now, "UTC")).toEqual({ from: "2026-11-22T00:00:00.000Z", to: "now" });
  expect(dayOf(now, "UTC")).toEqual(day(2026, 11, 23));
  expect(isBetween(day(2026, 11, 19), day(2026, 11, 18), day(2026, 11, 19))).toBe(true);
});
