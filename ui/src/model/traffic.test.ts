import { expect, it } from "vitest";
import { nanos } from "./time";
import { carried, gridOf, rates, slowest, spansPerSecond, type TrafficRow, trafficOf } from "./traffic";

const minute = (n: number) => nanos(BigInt(n) * 60_000_000_000n);
const row = (service: string, at: number | null, count: number, over: Partial<TrafficRow> = {}): TrafficRow => ({
  service, is_request: true, at: at === null ? null : minute(at), count, errors: 0, p50: 1e6, p99: 5e6, ...over,
});

it("lays whole minutes under an hour, and leaves the open one out", () => {
  const grid = gridOf({ from: nanos(minute(100) + 5n), to: nanos(minute(160) + 30n) });
  expect(grid.times).toHaveLength(60);
  expect(grid.range).toEqual({ from: minute(100), to: minute(160) });
  expect(gridOf({ from: minute(100), to: nanos(minute(100) + 20n) }).times).toHaveLength(1);
  expect(gridOf({ from: minute(0), to: minute(24 * 60) }).times.length).toBeLessThanOrEqual(60);
});

it("counts requests where there are any, else spans", () => {
  const grid = gridOf({ from: minute(0), to: minute(10) });
  const all = trafficOf([row("a", null, 600, { errors: 6 }), row("a", 1, 60), row("a", null, 9, { is_request: false }), row("cron", null, 30, { is_request: false })], grid);
  expect(all.map((t) => [t.service, t.counted, t.perSecond, t.errorRatio])).toEqual([["a", "requests", 1, 0.01], ["cron", "spans", 0.05, 0]]);
});

it("tells silence from a quiet minute", () => {
  const grid = gridOf({ from: minute(0), to: minute(10) });
  const [quiet] = trafficOf([row("a", null, 9), ...[0, 1, 2, 3, 4, 5, 7, 8, 9].map((m) => row("a", m, 60))], grid);
  expect(quiet?.silentSince).toBeNull();
  expect(quiet?.buckets[6]).toEqual({ count: 0, errors: 0, p50: null, p99: null });
  const [silent] = trafficOf([row("a", null, 6), ...[2, 3, 4].map((m) => row("a", m, 60))], grid);
  expect(silent?.silentSince).toBe(minute(5));
  expect(rates(silent!, grid)).toEqual([null, null, 1, 1, 1, null, null, null, null, null]);
});

it("draws a quantile over quiet minutes, not over silence", () => {
  const grid = gridOf({ from: minute(0), to: minute(6) });
  const [a] = trafficOf([row("a", null, 3), ...[0, 2, 4, 5].map((m) => row("a", m, 1, { p99: m * 10 + 1 }))], grid);
  expect(carried(slowest(a!), a!.buckets)).toEqual([1, 1, 21, 21, 41, 51]);
});

it("names what a service that only calls is counted by", () => expect(spansPerSecond(15.93)).toBe("15.9 spans/s"));
