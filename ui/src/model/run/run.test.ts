import { expect, it } from "vitest";
import { type Nanos, nanos } from "../time";
import { THIN } from "../units";
import { behindOf, correctedWords, type RunFacts, type Second, sentence, verdictOf } from "./run";

const at = (second: number): Nanos => nanos(BigInt(second) * 1_000_000_000n);
const second = (n: number, requests: number, intended = 100): Second => ({ at: at(n), seconds: 1, intended, requests, errors: 0 });
const run = (over: Partial<RunFacts> = {}): RunFacts => ({
  name: "checkout", state: "finished", thresholds: [], total: { requests: 10_000, errors: 2, intended_rate: 200, achieved_rate: 199.9, latency: { percentiles: [[99, 241e6]] } }, ...over,
});

it("finds when the generator was behind, and how many requests it did not send", () => {
  const timeline = [second(0, 100), second(1, 97), second(2, 60), second(3, 50), second(4, 100), second(5, 80), { at: at(6), seconds: 1, requests: 3, errors: 0 }];
  expect(behindOf(timeline)).toEqual([{ from: at(2), to: at(4), missing: 90 }, { from: at(5), to: at(6), missing: 20 }]);
  expect(behindOf([second(0, 1, 2)])).toEqual([]);
});

it("gives a verdict from thresholds, which the tool's own goes before", () => {
  const thresholds = [{ expression: "p99<250ms", passed: true }, { expression: "errors<0.1%", passed: false }];
  expect(verdictOf(run({ thresholds }))).toMatchObject({ word: "failed", why: "Missed: errors<0.1%" });
  expect(verdictOf(run({ thresholds, passed: true }))).toMatchObject({ word: "passed", tone: "good" });
  expect(verdictOf(run())).toMatchObject({ word: "no thresholds", tone: "none" });
  expect(verdictOf(run({ state: "running", passed: false })).word).toBe("running");
  expect(verdictOf(run({ state: "aborted" })).word).toBe("aborted");
});

it("says what held, and what did not", () => {
  const plain = (over?: Partial<RunFacts>) => sentence(run(over)).replaceAll(THIN, " ");
  expect(plain()).toBe("checkout held 200 requests/s: p99 241 ms, errors 0.02 %");
  expect(plain({ passed: false })).toBe("checkout failed: p99 241 ms, errors 0.02 %");
  expect(plain({ total: { requests: 100, errors: 0, intended_rate: 200, achieved_rate: 150 } })).toBe("checkout fell behind, 150 of 200 requests/s: errors 0");
  expect(plain({ total: { requests: 100, errors: 0 } })).toBe("checkout: errors 0");
});

it("says whether waiting for the generator is in the latency", () => {
  expect(correctedWords({ corrected: true, behind_seconds_max: 0 }).words).toBe("The generator kept its schedule; latency counts from when each request was due.");
  expect(correctedWords({ corrected: true, behind_seconds_max: 2.5 })).toMatchObject({ tone: "warn" });
  expect(correctedWords({ corrected: false }).words).toContain("not corrected");
  expect(correctedWords({}).tone).toBe("hold");
});
