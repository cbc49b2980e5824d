import { expect, it } from "vitest";
import { levelStep, ratioStep, recovery, upperTail } from "./change";

const minutes = (from: number, to: number, bad: number, total: number) => Array.from({ length: to - from }, () => ({ bad, total }));

it("finds where errors stepped up", () => {
  const step = ratioStep([...minutes(0, 19, 0, 40), ...minutes(19, 60, 1, 38)]);
  expect(step?.index).toBe(19);
  expect(step?.before).toBe(0);
  expect(step?.after).toBeCloseTo(1 / 38, 5);
  expect(step?.p).toBeLessThan(0.001);
});

it("finds where it was over again, and how bad it was until then", () => {
  const over = [...minutes(0, 30, 0, 40), ...minutes(0, 7, 18, 40), ...minutes(0, 23, 0, 40)];
  expect(ratioStep(over)).toMatchObject({ index: 30, end: 37, before: 0 });
  expect(ratioStep(over)?.after).toBeCloseTo(0.45, 5);
  // It goes on: nearly as bad as ever, or better for less than three buckets.
  expect(ratioStep([...minutes(0, 30, 0, 40), ...minutes(0, 7, 18, 40), ...minutes(0, 23, 8, 40)])?.end).toBeNull();
  expect(ratioStep([...minutes(0, 30, 0, 40), ...minutes(0, 28, 18, 40), ...minutes(0, 2, 0, 40)])?.end).toBeNull();
  // It began before what is looked at.
  expect(recovery([...minutes(0, 2, 18, 40), ...minutes(0, 58, 0, 40)], 0, 0)).toEqual({ end: 2, during: 0.45 });
});

it("tells no step of steady errors, of few events, or of what got better", () => {
  expect(ratioStep(minutes(0, 60, 1, 40))).toBeNull();
  expect(ratioStep([...minutes(0, 30, 0, 4), { bad: 1, total: 4 }, ...minutes(0, 29, 0, 4)])).toBeNull();
  expect(ratioStep([...minutes(0, 30, 4, 40), ...minutes(0, 30, 0, 40)])).toBeNull();
  expect(ratioStep([])).toBeNull();
});

it("finds where a quantile rose, through gaps, and not for one spike", () => {
  const wave = (i: number) => 100 + (i % 7);
  const rising = Array.from({ length: 40 }, (_, i) => (i % 9 === 4 ? null : i < 22 ? wave(i) : wave(i) * 3));
  expect(levelStep(rising)?.index).toBe(23);
  expect(levelStep(Array.from({ length: 40 }, (_, i) => (i === 20 ? 9000 : wave(i))))).toBeNull();
  expect(levelStep([1, null, 2])).toBeNull();
});

it("knows the normal distribution", () => {
  expect(upperTail(1.959964)).toBeCloseTo(0.025, 5);
  expect(upperTail(-1)).toBeCloseTo(0.841345, 5);
});
