import { describe, expect, it } from "vitest";
import { orderRanks } from "./binomial";
import { curve, interval, type Latency, oddsOf, percentile } from "./latency";

/** 1 to 100 ms, once each. */
const hundred: Latency = { min_ns: 1e6, max_ns: 100e6, buckets: Array.from({ length: 100 }, (_, i) => [(i + 1) * 1e6, 1] as const) };

describe("percentiles from buckets", () => {
  it("are the smallest value that so many are not above", () => {
    expect([0, 1, 50, 99, 99.1, 100].map((p) => percentile(hundred, p))).toEqual([1e6, 1e6, 50e6, 99e6, 100e6, 100e6]);
  });
  it("never exceed the highest seen, though its bucket does", () => {
    expect(percentile({ max_ns: 95, buckets: [[10, 9], [100, 1]] }, 99)).toBe(95);
  });
  it("are the tool's own where there are no buckets, and nothing where it says nothing", () => {
    const said: Latency = { max_ns: 900, percentiles: [[50, 100], [99, 700]] };
    expect([50, 90, 99, 100].map((p) => percentile(said, p))).toEqual([100, null, 700, 900]);
    expect(interval(said, 99)).toBeNull();
    expect(percentile({}, 50)).toBeNull();
  });
});

describe("ranks that bound a quantile with 95 % confidence", () => {
  // From tables of distribution-free intervals of the median.
  it.each([[10, 2, 9], [20, 6, 15], [50, 18, 33], [100, 40, 61]])("of the median of %i draws are %i and %i", (n, low, high) => {
    expect(orderRanks(n, 0.5)).toEqual({ low, high });
  });
  it("are open where the sample has too few of the tail", () => {
    expect(orderRanks(100, 0.99)).toEqual({ low: 97, high: null });
    expect(orderRanks(5, 0.5)).toEqual({ low: null, high: null });
    expect(orderRanks(100, 0.01)).toEqual({ low: null, high: 4 });
  });
  it("agree between counting exactly and the normal curve", () => {
    // 399.9 draws above, then 400.1.
    const [exact, normal] = [orderRanks(39_990, 0.99), orderRanks(40_010, 0.99)];
    expect(Math.abs((exact.low ?? 0) + 19.8 - (normal.low ?? 0))).toBeLessThan(3);
    expect(Math.abs((exact.high ?? 0) + 19.8 - (normal.high ?? 0))).toBeLessThan(3);
  });
  it("do not drown in large samples", () => {
    expect(orderRanks(1e9, 0.9999999)).toMatchObject({ low: expect.any(Number) as number, high: expect.any(Number) as number });
  });
  it("hold the true quantile 95 times of 100", () => {
    let state = 7;
    const next = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const truth = -Math.log(0.05);
    let held = 0;
    for (let trial = 0; trial < 400; trial++) {
      const sample = Array.from({ length: 300 }, () => -Math.log(next())).sort((a, b) => a - b);
      const { low, high } = orderRanks(300, 0.95);
      held += (sample[(low ?? 1) - 1] ?? 0) <= truth && truth <= (sample[(high ?? 300) - 1] ?? 0) ? 1 : 0;
    }
    expect(held).toBeGreaterThanOrEqual(372);
    expect(held).toBeLessThan(400);
  });
});

describe("the curve", () => {
  it("goes from the least to the largest on the scale of 1 ÷ (1 − q), with its confidence", () => {
    const points = curve(hundred);
    expect(points[0]).toMatchObject({ odds: 1, value: 1e6 });
    expect(points.at(-1)?.odds).toBeCloseTo(100, 6);
    expect(points.at(-1)?.value).toBe(99e6);
    expect(points.every((point, i) => i === 0 || point.value >= (points[i - 1]?.value ?? 0))).toBe(true);
    const median = points.find((point) => point.odds >= 2);
    expect(median?.low).toBeLessThan(median?.value ?? 0);
    expect(median?.high).toBeGreaterThan(median?.value ?? 0);
    expect(points.at(-1)?.high).toBeNull();
  });
  it("has but the points that a tool without a histogram says", () => {
    expect(curve({ percentiles: [[99, 7], [50, 2], [100, 9]] })).toEqual([{ odds: 2, value: 2, low: null, high: null }, { odds: oddsOf(99), value: 7, low: null, high: null }]);
    expect(curve({})).toEqual([]);
  });
});
