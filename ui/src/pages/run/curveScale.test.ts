import { expect, it } from "vitest";
import { THIN } from "@/model/units";
import type { CurvePoint } from "@/model/run/latency";
import { bandOf, latencyTicks, linesOf, percentTicks, scaleOf } from "./curveScale";

const frame = { width: 440, height: 220, left: 40, right: 0, top: 10, bottom: 10 };
const point = (odds: number, value: number, high: number | null = value, low: number | null = value): CurvePoint => ({ odds, value, low, high });
const points = [point(1, 10), point(10, 50, 60, 40), point(100, 80, 120, 70), point(1000, 100, null, 90)];

it("gives each nine the same room", () => {
  const scale = scaleOf(frame, [points], "linear");
  expect([1, 10, 100, 1000].map((odds) => Math.round(scale.x(odds)))).toEqual([40, 173, 307, 440]);
  expect(scale.odds(scale.x(100))).toBeCloseTo(100, 6);
  expect(scale.odds(-5)).toBe(1);
  expect(scale.y(0)).toBe(210);
  expect(scale.y(scale.high)).toBe(10);
});

it("puts round ticks on both axes", () => {
  expect(percentTicks(1000).map((tick) => tick.label)).toEqual(["0", "50", "75", "90", "99", "99.9"].map((label) => `${label}${THIN}%`));
  expect(latencyTicks(0, 290e6, "linear").map((tick) => tick.at / 1e6)).toEqual([0, 100, 200]);
  expect(latencyTicks(9e6, 290e6, "log").map((tick) => tick.at / 1e6)).toEqual([10, 20, 50, 100, 200]);
  expect(latencyTicks(9e3, 290e9, "log").length).toBeLessThanOrEqual(9);
});

it("draws the band only where both ends are known, and sets the rest of the line apart", () => {
  const scale = scaleOf(frame, [points], "linear");
  expect(bandOf(points, scale).match(/L/g)).toHaveLength(5);
  const { sure, unsure } = linesOf(points, scale);
  expect(sure.match(/L/g)).toHaveLength(2);
  expect(unsure.match(/L/g)).toHaveLength(1);
  const bare = [point(2, 1, null, null), point(100, 5, null, null)];
  expect(linesOf(bare, scaleOf(frame, [bare], "log"))).toMatchObject({ unsure: "" });
  expect(bandOf(bare, scale)).toBe("");
});
