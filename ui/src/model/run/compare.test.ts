import { describe, expect, it } from "vitest";
import { THIN } from "../units";
import { comparison, differenceOf, errorWords, fromTo, latencyWords, percentChange, ratioOf, verdictOf } from "./compare";
import type { Latency } from "./latency";

/** `n` draws of an exponential distribution with this mean, one bucket a draw. */
function draws(n: number, mean: number, seed: number): Latency {
  let state = seed;
  const next = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const values = Array.from({ length: n }, () => Math.ceil(-Math.log(next()) * mean)).sort((a, b) => a - b);
  return { max_ns: values.at(-1), buckets: values.map((value) => [value, 1] as const) };
}
const plain = (words: string) => words.replaceAll(THIN, " ");

describe("how a percentile changed", () => {
  it("finds a rise of a half in large runs, and gives its interval", () => {
    const change = ratioOf(draws(20_000, 100e6, 1), draws(20_000, 150e6, 2), 99);
    expect(verdictOf(change!)).toBe("more");
    expect(change!.low).toBeGreaterThan(1.3);
    expect(change!.low).toBeLessThan(1.5);
    expect(change!.high).toBeGreaterThan(1.5);
    expect(change!.high).toBeLessThan(1.75);
  });
  it("says the same of both directions", () => {
    const [a, b] = [draws(5000, 100e6, 3), draws(5000, 130e6, 4)];
    const [there, back] = [ratioOf(a, b, 99)!, ratioOf(b, a, 99)!];
    expect(there.low! * back.high!).toBeCloseTo(1, 9);
    expect([verdictOf(there), verdictOf(back)]).toEqual(["more", "less"]);
  });
  it("calls runs of one distribution different about 5 times of 100", () => {
    let different = 0;
    for (let trial = 0; trial < 200; trial++) different += verdictOf(ratioOf(draws(1000, 1e8, 2 * trial + 11), draws(1000, 1e8, 2 * trial + 5000), 95)!) === "no different" ? 0 : 1;
    expect(different).toBeLessThanOrEqual(20);
  });
  it("does not know where the tail has too few, or there is no histogram", () => {
    const few = ratioOf(draws(80, 1e8, 5), draws(80, 1e8, 6), 99)!;
    expect(few.high).toBeNull();
    expect(verdictOf(few)).toBe("not known");
    const said: Latency = { percentiles: [[99, 241e6]] };
    expect(plain(latencyWords(ratioOf(said, { percentiles: [[99, 284e6]] }, 99), "p99"))).toBe("p99 +18 % (241 → 284 ms; how sure is not known without a histogram)");
    expect(ratioOf(said, {}, 99)).toBeNull();
  });
});

describe("how the share of errors changed", () => {
  it("is Newcombe's interval", () => {
    // The worked example of Newcombe (1998), method 10: 56/70 against 48/80.
    const change = differenceOf({ errors: 48, requests: 80 }, { errors: 56, requests: 70 });
    expect(change?.difference).toBeCloseTo(0.2, 9);
    expect(change?.low).toBeCloseTo(0.0524, 4);
    expect(change?.high).toBeCloseTo(0.3339, 4);
  });
  it("says in words which way, or that there is none", () => {
    expect(plain(errorWords(differenceOf({ errors: 0, requests: 1000 }, { errors: 0, requests: 900 })))).toBe("error ratio no different (0)");
    expect(plain(errorWords(differenceOf({ errors: 12, requests: 10_000 }, { errors: 15, requests: 10_000 })))).toBe("error ratio no different (0.12 → 0.15 %)");
    expect(plain(errorWords(differenceOf({ errors: 10, requests: 10_000 }, { errors: 300, requests: 10_000 })))).toMatch(/^error ratio \+2\.90 points \(0\.10 → 3\.00 %, 95 % interval 2\.\d\d–3\.\d\d\)$/);
    expect(plain(errorWords(differenceOf({ errors: 300, requests: 10_000 }, { errors: 10, requests: 10_000 })))).toMatch(/^error ratio −2\.90 points \(3\.00 → 0\.10 %, 95 % interval 2\.\d\d–3\.\d\d\)$/);
    expect(errorWords(differenceOf({ errors: 0, requests: 0 }, { errors: 0, requests: 1 }))).toBe("error ratio not known");
  });
});

it("makes one sentence of it", () => {
  const before = { requests: 20_000, errors: 4, latency: draws(20_000, 52e6, 1) };
  const after = { requests: 20_000, errors: 5, latency: draws(20_000, 62e6, 2) };
  expect(plain(comparison(before, after))).toMatch(/^p99 \+\d\d % \(2\d\d → 2\d\d ms, 95 % interval \d\.?\d*–\d\d %\); error ratio no different \(0\.02 → 0\.03 %\)$/);
  expect(plain(comparison(before, before))).toMatch(/^p99 no different \(.* ms, 95 % interval −[\d.]+ to \+[\d.]+ %\)/);
});

it("writes changes and pairs shortly", () => {
  expect([1.18, 0.93, 1.004, 1].map(percentChange).map(plain)).toEqual(["+18 %", "−7.0 %", "+0.40 %", "+0 %"]);
  expect(plain(fromTo(`9.80${THIN}ms`, `1.20${THIN}s`))).toBe("9.80 ms → 1.20 s");
  expect(fromTo("0", "0")).toBe("0 → 0");
});
