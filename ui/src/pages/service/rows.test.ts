import { expect, it } from "vitest";
import { nanos } from "@/model/time";
import { gridOf } from "@/model/traffic";
import { differs, errorLines, groupedOf, linesOf, operationsOf, type OperationRow, resourceFacts, versionSums } from "./rows";

const minute = (n: number) => nanos(BigInt(n) * 60_000_000_000n);
const grid = gridOf({ from: minute(0), to: minute(4) });
const row = (name: string | null, kind: number | null, at: number | null, count: number, errors = 0): OperationRow => ({ name, kind, at: at === null ? null : minute(at), count, errors, p50: 1e6, p95: 2e6, p99: 3e6 });
const ROWS = [
  row("SELECT db", 3, null, 500), row("POST /pay", 2, null, 120, 6), row("GET /pay", 2, null, 120, 2), row("POST /pay", 2, 1, 60, 6), row("POST /pay", 2, 2, 60), row(null, null, 1, 120, 8),
];

it("puts requests before calls, with each one's share of the failures", () => {
  const operations = operationsOf(ROWS, grid);
  expect(operations.map((o) => o.name)).toEqual(["POST /pay", "GET /pay", "SELECT db"]);
  expect(operations[0]).toMatchObject({ perSecond: 0.5, errorRatio: 0.05, errorShare: 0.75, rates: [0, 1, 1, 0] });
});

it("draws all requests, or one operation; where there were none, a gap", () => {
  expect(linesOf(ROWS, grid, "").rates).toEqual([null, 2, null, null]);
  expect(linesOf(ROWS, grid, "POST /pay").ratios).toEqual([null, 0.1, 0, null]);
});

it("draws errors by type as shares of requests", () => {
  const lines = errorLines([{ at: minute(1), type: "HTTP 503", count: 5 }, { at: minute(1), type: "Timeout", count: 1 }, { at: minute(2), type: "Rare", count: 1 }, { at: minute(2), type: "Rarer", count: 1 }], grid, [0, 50, 50, 0], 1);
  expect(lines.map((l) => l.name)).toEqual(["HTTP 503", "other"]);
  expect(lines[0]?.values).toEqual([null, 0.1, 0, null]);
  expect(lines[1]?.values[2]).toBeCloseTo(0.04);
});

it("groups with first, last and trend", () => {
  const groups = groupedOf([{ at: minute(0), count: 2, first: minute(0), last: minute(1), message: "a" }, { at: minute(2), count: 3, first: minute(2), last: minute(3), message: "a" }, { at: minute(1), count: 1, first: minute(1), last: minute(1), message: "b" }], (r) => r.message, grid);
  expect(groups[0]).toMatchObject({ key: "a", count: 5, first: minute(0), last: minute(3), trend: [2, 0, 3, 0] });
});

it("lists resource keys, shared ones first", () => {
  const facts = resourceFacts([{ resource: '{"service.name":"a","service.instance.id":"1"}', count: 3 }, { resource: '{"service.name":"a","service.instance.id":"2","cpus":4}', count: 5 }]);
  expect(facts.map((f) => f.key)).toEqual(["cpus", "service.name", "service.instance.id"]);
  expect(facts[2]?.values).toEqual([{ value: "2", count: 5 }, { value: "1", count: 3 }]);
});

it("tests versions against each other", () => {
  const sums = versionSums([{ version: "2.14", at: minute(1), count: 100, errors: 9, p50: 1, p99: 2 }, { version: "2.13", at: minute(1), count: 300, errors: 0, p50: 1, p99: 2 }, { version: null, at: minute(9), count: 1, errors: 0, p50: 1, p99: 2 }], grid);
  expect(sums.map((s) => s.version)).toEqual(["2.13", "2.14", "no version"]);
  expect(differs(sums[0]!, sums[1]!)).toBeLessThan(1e-6);
  expect(differs({ count: 100, errors: 1 }, { count: 100, errors: 1 })).toBeCloseTo(1);
  expect(differs({ count: 0, errors: 0 }, { count: 100, errors: 1 })).toBe(1);
});
