import { describe, expect, it } from "vitest";
import { nanos } from "@/model/time";
import { brushBetween, brushedQuery, brushOf, brushText, underBrush, within } from "./brush";
import { groupsOf, nearestPoint, type Point, scaleOf, step, ticksOf, xOf, yOf } from "./points";

const range = { from: nanos(1_000_000_000_000n), to: nanos(1_060_000_000_000n) };
const point = (at: number, duration: number, more: Partial<Point> = {}): Point => ({ trace: "t", span: "s", start: nanos(range.from + BigInt(at)), duration, failed: false, service: "a", name: "n", ...more });

describe("a scale", () => {
  const scale = scaleOf(range, [3, 1000]);
  it("reaches from a power of two to one", () => expect([scale.low, scale.high]).toEqual([2, 1024]));
  it("places times and durations", () => expect([xOf(scale, nanos(1_030_000_000_000n)), yOf(scale, 2), yOf(scale, 1024)]).toEqual([0.5, 0, 1]));
  it("is there without any span", () => expect(scaleOf(range, []).high).toBeGreaterThan(scaleOf(range, []).low));
  it("has round ticks within", () => expect(ticksOf(scale, 4)).toEqual([2, 20, 200]));
});

describe("a brush", () => {
  const scale = scaleOf(range, [1, 1024]);
  const brush = brushBetween(scale, { x: 0.75, y: 0.1 }, { x: 0.25, y: 0.9 });
  it("has its corners in order", () => {
    expect(brush.range).toEqual({ from: 1_015_000_000_000n, to: 1_045_000_000_000n });
    expect([brush.durationMin, brush.durationMax]).toEqual([2n, 512n]);
  });
  it("round trips through the URL", () => expect(brushOf(brushText(brush))).toEqual(brush));
  it("is asked for by its durations besides what the query says of them", () => {
    expect(brushedQuery("{ duration >= 1s }", brush)).toBe("{ duration >= 1s && duration >= 2ns && duration <= 512ns }");
    expect(brushedQuery("{ } >> { status = error } ", brush)).toBe("{ } >> { status = error } | { duration >= 2ns && duration <= 512ns }");
  });
  it("reaches no further than the range, and is none beside it", () => {
    const shorter = { from: nanos(1_020_000_000_000n), to: range.to };
    expect(within(brush, shorter)?.range).toEqual({ from: 1_020_000_000_000n, to: 1_045_000_000_000n });
    expect(within(brush, { from: nanos(1_045_000_000_000n), to: range.to })).toBeNull();
  });
  it("tells the selected spans of a trace from its others", () => {
    const all = [point(15e9, 2), point(14e9, 100), point(45e9, 100), point(20e9, 513), point(20e9, 512)];
    expect(all.map(underBrush(brush))).toEqual([true, false, false, false, true]);
    expect(all.every(underBrush(null))).toBe(true);
  });
  it("is none of anything else", () => expect([brushOf(""), brushOf("1-2-3")]).toEqual([null, null]));
});

it("colours grow with the root of the count; nothing has none", () => expect([step(0, 100), step(1, 100), step(25, 100), step(100, 100)]).toEqual([0, 1, 4, 8]));
it("the point under the pointer is the nearest one in reach", () => {
  const scale = scaleOf(range, [1, 1024]);
  const points = [point(30e9, 32), point(31e9, 32)];
  expect(nearestPoint(points, scale, 0.5, 0.5, 1000, 100)).toBe(points[0]);
  expect(nearestPoint(points, scale, 0.8, 0.5, 1000, 100)).toBeNull();
});
it("groups are summed up by operation", () =>
  expect(groupsOf([point(0, 5), point(0, 1, { failed: true }), point(0, 9), point(0, 7, { name: "m" })])).toEqual([
    { service: "a", name: "n", spans: 3, failed: 1, p50: 5, longest: 9 }, { service: "a", name: "m", spans: 1, failed: 0, p50: 7, longest: 7 },
  ]));
