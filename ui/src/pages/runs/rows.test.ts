import { expect, it } from "vitest";
import type { Run } from "@/api/runs";
import { nanos } from "@/model/time";
import { found, headline, rowsOf } from "./rows";

const run = (id: string, name: string, at: number, over: Partial<Run> = {}): Run => ({
  id, name, started_at: nanos(at), state: "finished", labels: {}, services: [], stages: [], operations: [], timeline: [], thresholds: [], total: { requests: 1, errors: 0, latency: { percentiles: [[50, 5], [99, 9]] } }, ...over,
});
const rows = rowsOf([run("a", "buy", 1), run("c", "buy", 3, { version: "3.10.0", passed: false }), run("b", "buy", 2, { state: "aborted" }), run("d", "browse", 2, { labels: { branch: "main" } })]);

it("lists the newest first, each with the finished one of its name before it", () => {
  expect(rows.map((row) => [row.run.id, row.before?.id ?? null])).toEqual([["c", "a"], ["b", "a"], ["d", null], ["a", null]]);
  expect(rows[0]).toMatchObject({ p50: 5, p99: 9, p999: null });
});

it("is found by name, version and labels", () => {
  expect(found(rows, "3.10").map((row) => row.run.id)).toEqual(["c"]);
  expect(found(rows, "BRANCH=main").map((row) => row.run.id)).toEqual(["d"]);
  expect(found(rows, " ")).toHaveLength(4);
});

it("says how the last one ended", () => {
  expect(headline(rows)).toBe("buy failed, the last of 4 load tests");
  expect(headline(rows.slice(3))).toBe("buy ended, the only load test");
  expect(headline([])).toBe("Load tests");
});
