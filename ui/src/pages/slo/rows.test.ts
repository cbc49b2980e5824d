import { describe, expect, it } from "vitest";
import type { Explanation } from "@/api/explain";
import type { Objective, SloAlert } from "@/api/slos";
import { nanos } from "@/model/time";
import { goneAt } from "@/components/slo/cells";
import { hourBurn } from "@/components/slo/words";
import { exhaustionOf, verdictOf, windowSeconds } from "@/components/slo/standing";
import { bucketSeconds, burnDown, fallsOf, onsetOf, silences, tierRows } from "./rows";
import { apart, budgetTicks, roundTicks, scaleOf, timeTicks } from "./scale";
import { timelineOf } from "./timeline";
import { deploysTold } from "./useDeploys";

const S = 1_000_000_000n;
const at = (s: number) => nanos(BigInt(s) * S);
const bucket = (s: number, total: number, bad: number) => ({ at: at(s), total, good: total - bad });
const counts = (bad: number, total: number) => ({ bad: BigInt(bad), good: BigInt(total - bad), total: BigInt(total) });
const alert = (more: Partial<SloAlert> = {}): SloAlert => ({ kind: "burn_rate", severity: "page", long_window: "1h", short_window: "5m", level: "firing", since: at(10), is_flapping: false, ...more });
const objective = (more: Partial<Objective> = {}): Objective => ({
  target: "99.9%", target_parts_per_billion: 999_000_000, method: "Occurrences", window: { rolling: "30d" }, sli: { key: "k", source: "spans", total: "{}", good: "{}" }, group_by: [],
  status: {
    state: "measured", until: at(2_592_000), period: { start: at(0), end: at(2_592_000) }, events: counts(1, 2), counted: counts(1, 2), excluded: { events: counts(0, 0), seconds: 0 }, sli: 0.5,
    budget: { remaining: 0.184 }, coverage: 1,
    burn_rates: [
      { severity: "page", long_window: "1h", short_window: "5m", threshold: 14.4, state: "measured", long: 21.3, short: 31.9, long_counted: counts(1517, 71_240), short_counted: counts(1, 2) },
      { severity: "ticket", long_window: "3d", short_window: "6h", threshold: 1, state: "no_traffic", long: null, short: 2, long_counted: counts(0, 0), short_counted: counts(0, 0) },
    ],
  },
  alerts: [alert()], ...more,
});

describe("the burn-down", () => {
  it("begins whole and ends at what is left of the budget", () => {
    const points = burnDown([bucket(0, 5000, 2), bucket(100, 5000, 6)], nanos(100n * S), 10_000, 0.001, at(150));
    expect(points.map((one) => [Number(one.at / S), Number(one.left.toFixed(3))])).toEqual([[0, 1], [100, 0.8], [150, 0.2]]);
    expect(burnDown([], nanos(1n), 10, 0.1, at(1))).toEqual([]);
  });
  it("names silences and the steepest falls, apart from each other", () => {
    expect(silences([bucket(0, 1, 0), bucket(10, 1, 0), bucket(50, 1, 0)], nanos(10n * S), nanos(10n * S))).toEqual([{ from: at(20), to: at(50) }]);
    const points = [1, 0.99, 0.7, 0.69, 0.69, 0.69, 0.69, 0.4, 0.4].map((left, index) => ({ at: at(index), left }));
    expect(fallsOf(points, 1, 0.1).map((fall) => fall.index)).toEqual([2, 7]);
  });
  it("tells a fall at the point by which it was over", () => {
    const points = [1, 1, 1, 0.8, 0.799, 0.798, 0.797, 0.797].map((left, index) => ({ at: at(index), left }));
    expect(fallsOf(points, 4, 0.1)).toEqual([{ index: 3, fall: expect.closeTo(0.2) as number }]);
  });
  it("has buckets of round size", () => expect([bucketSeconds(nanos(2_592_000n * S)), bucketSeconds(nanos(86_400n * S))]).toEqual([10_800, 600]));
  it("finds the onset", () => {
    const rows = Array.from({ length: 60 }, (_, index) => bucket(index * 60, 100, index < 40 ? 0 : 4));
    expect(onsetOf(rows)?.at).toBe(at(2400));
    expect(onsetOf(rows.slice(0, 40))).toBeNull();
  });
});

describe("tiers", () => {
  it("say share of the budget, word and what fires", () => {
    const [page, ticket] = tierRows(objective());
    expect(page).toMatchObject({ word: "critical", firing: true, held: false });
    expect(page?.share).toBeCloseTo(0.02);
    expect(ticket).toMatchObject({ word: null, firing: false, state: "no_traffic" });
  });
  it("read windows", () => expect([windowSeconds("1h"), windowSeconds("30m"), windowSeconds("3d"), windowSeconds("1h 30m")]).toEqual([3600, 1800, 259_200, 5400]));
});

describe("the burn of a list", () => {
  const tier = (long_window: string, long: number) => ({ severity: "page", long_window, short_window: "20s", threshold: 8, state: "measured", long, short: long, long_counted: counts(1, 2), short_counted: counts(1, 2) });
  const of = (...tiers: ReturnType<typeof tier>[]) => hourBurn(objective({ status: { ...objective().status!, burn_rates: tiers } }));
  it("is of the hour, like the page of the SLO", () => expect(of(tier("2m", 42), tier("1h", 6.87))).toMatchObject({ tier: { long: 6.87 }, window: null }));
  it("names its window where none is an hour", () => expect(of(tier("6h", 3), tier("30m", 9))).toMatchObject({ tier: { long: 9 }, window: "30\u202fmin" }));
  it("is absent where nothing is evaluated", () => expect(of()).toBeNull());
});

describe("when the budget is gone", () => {
  it("has its day, where that is not today", () => {
    const now = nanos(1_800_000_000n * S);
    expect([goneAt(60, now, "UTC"), goneAt(20 * 3600, now, "UTC")]).toEqual(["08:01", "16 Jan 04:00"]);
  });
});

describe("the verdict", () => {
  it("is the worst that fires, held before all", () => {
    expect(verdictOf(objective())).toMatchObject({ tone: "bad", words: "page firing", firing: "page" });
    expect(verdictOf(objective({ alerts: [alert({ held_since: at(20) })] }))).toMatchObject({ tone: "hold", words: "page held", since: at(20), held: true });
    expect(verdictOf(objective({ alerts: [alert({ level: "inactive" })] }))).toMatchObject({ tone: "good" });
    expect(verdictOf({ ...objective(), alerts: [], status: undefined })).toMatchObject({ tone: "hold", words: "not measured yet" });
  });
  it("knows both estimates of the end", () => {
    const status = objective().status!;
    expect(exhaustionOf(status)).toBeNull();
    expect(exhaustionOf({ ...status, exhausted_in_seconds_static: 9 })).toEqual({ seconds: 9, moving: false });
    expect(exhaustionOf({ ...status, exhausted_in_seconds: 7, exhausted_in_seconds_static: 9 })).toEqual({ seconds: 7, moving: true });
  });
});

describe("the drawing", () => {
  it("keeps its scale both ways", () => {
    const scale = scaleOf({ width: 120, height: 100, left: 10, right: 10, top: 0, bottom: 0 }, at(0), at(100), 0, 1);
    expect([scale.x(at(50)), scale.y(0.25), scale.time(60)]).toEqual([60, 75, at(50)]);
  });
  it("ticks on round numbers, below zero too", () => {
    expect(budgetTicks(-0.2)).toEqual([1, 0.75, 0.5, 0.25, 0, -0.5]);
    expect(budgetTicks(-9).at(-1)).toBe(-9);
    expect(roundTicks(7)).toEqual([0, 2, 4, 6, 8]);
    expect(roundTicks(0)).toEqual([0, 1]);
    expect(timeTicks(at(0), at(86_400 * 30), "UTC", 6).map((tick) => tick.label)).toEqual(["1 Jan", "8 Jan", "15 Jan", "22 Jan", "29 Jan"]);
  });
  it("keeps labels apart", () => expect(apart([{ x: 0, width: 10 }, { x: 5, width: 10 }, { x: 20, width: 5 }])).toEqual([{ x: 0, width: 10 }, { x: 20, width: 5 }]));
});

it("the timeline joins what happened at once", () => {
  const transition = (s: number, severity: string, level: string, long = "1h") => ({ slo: "a", version: 1, objective: 0, kind: "burn_rate", severity, long_window: long, short_window: "5m", at: at(s), until: at(s), level, reason: "" });
  const onset = { at: at(60), before: { bad: 0, total: 100 }, after: { bad: 3, total: 100 } };
  const found = { deploys: [{ at: at(30), service: "payments", from: "1", to: "2", instances: 1, all: 1 }], onset, transitions: [transition(120, "ticket", "firing", "3d"), transition(120, "page", "firing"), transition(900, "page", "inactive")], deliveries: [], names: [] };
  const { steps, more } = timelineOf(found, at(0));
  expect(steps.map((step) => `${step.title}: ${step.words}`.replaceAll("\u202f", " "))).toEqual([
    "deploy: payments 1 → 2", "change point: bad ratio 0 → 3.00 %", "page fired: 1h / 5m and 1 more, 1 min after the change", "page resolved: 1h / 5m",
  ]);
  expect(more).toBe(0);
  expect(timelineOf(found, at(100), 1)).toMatchObject({ more: 1, steps: [{ kind: "resolved" }] });
});

it("a version that bad events tell of was deployed when it came after another one, not when its service was first heard", () => {
  const heard = (service: string, version: string, first: number) => ({ service, version, instance: `${service} ${version}`, first: at(first), last: at(40_000) });
  const tells = (service: string, value: string, difference: number) => ({ name: "resource.service.version", service, value, difference, is_significant: true }) as unknown as Explanation["versions"][number];
  const explanation = { window: { start: at(36_000), end: at(40_000) }, versions: [tells("payments", "2", 0.4), tells("cart", "7", 0.3), tells("orders", "5", -0.3)] } as unknown as Explanation;
  const sightings = [heard("payments", "1", 10), heard("payments", "2", 35_000), heard("cart", "7", 30_000), heard("orders", "4", 10), heard("orders", "5", 35_000)];
  expect(deploysTold(explanation, sightings)).toMatchObject([{ service: "payments", from: "1", to: "2", at: at(35_000) }]);
});
