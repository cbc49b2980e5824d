import { expect, test } from "vitest";
import type { LogFacets, LogHistogram, LogPage, LogPattern, LogRow } from "@/api/logs";
import type { Range } from "@/model/range";
import { nanos } from "@/model/time";
import { barsOf, stepWords, ticksOf } from "./bars";
import { differences, nothingIn, otherOf } from "./differences";
import { headlineOf } from "./headline";
import { before, firstQuarter, rank } from "./ranking";
import { withKeys } from "./rowList";
import { arrive, EMPTY, rateOf, ROWS_KEPT, show } from "./tail";
import { templateOf } from "./template";

const S = 1_000_000_000;
const range = (from: number, to: number): Range => ({ from: nanos(from * S), to: nanos(to * S) });
const row = (time: number): LogRow => ({ key: String(time), time: nanos(time), severity: "", service: "", body: "", traceId: null, spanId: null, extra: [] });
const stats = {} as LogPage["stats"];

test("bars are stacked and add up", () => {
  const histogram: LogHistogram = { step: nanos(10 * S), stats, buckets: [{ time: nanos(0), count: 4, severities: { info: 3, error: 1 } }, { time: nanos(10 * S), count: 2, severities: { "": 1, notice: 1 } }] };
  const bars = barsOf(histogram, range(0, 20), 200, 80);
  expect(bars.total).toBe(6);
  expect(bars.max).toBe(4);
  expect(bars.paths.map((path) => path.severity)).toEqual(["", "info", "error"]);
  expect(bars.counts.get("")).toBe(2);
  // Info takes three quarters from the bottom, error the rest above it.
  expect(bars.paths[1]!.d).toBe("M0.0 20.0h85.0v60.0h-85.0z");
  expect(bars.paths[2]!.d).toBe("M0.0 0.0h85.0v20.0h-85.0z");
});

test("the page says how much was logged, and how much of it is bad", () => {
  const said = (total: number, counts: Record<string, number>) => Object.values(headlineOf(total, new Map(Object.entries(counts)))).filter((words) => words !== "").join(", ");
  expect(said(5169, { info: 4531, error: 630, fatal: 8 })).toBe("5\u202f169 records, 638 of them errors");
  expect(said(20, { info: 19, error: 1 })).toBe("20 records, 1 of them an error");
  expect(said(20, { error: 20 })).toBe("20 records, all of them errors");
  expect(said(20, { info: 18, "": 2 })).toBe("20 records, no error among them");
  expect(said(2, { "": 2 })).toBe("2 records, none with a severity");
  expect(said(0, {})).toBe("No record matches");
});

test("bars outside of the range are left out", () => {
  const histogram: LogHistogram = { step: nanos(10 * S), stats, buckets: [{ time: nanos(-20 * S), count: 1, severities: { info: 1 } }] };
  expect(barsOf(histogram, range(0, 20), 200, 80).paths).toEqual([]);
});

test("ticks are round and inside", () => {
  expect(ticksOf(range(5, 65), 6).map((tick) => Number(tick.at) / S)).toEqual([10, 20, 30, 40, 50, 60]);
});

test("steps are said as they are", () => {
  expect([30, 60, 900, 7200, 86_400].map((seconds) => stepWords(nanos(seconds * S)))).toEqual(["30\u202fs", "1\u202fmin", "15\u202fmin", "2\u202fh", "1\u202fd"]);
});

const pattern = (template: string, count: number, severity = "info"): LogPattern => ({ template, count, severity, first: nanos(5), last: nanos(9), sample: template });

test("patterns are ranked by change, not by count", () => {
  const ranked = rank([pattern("usual", 2000), pattern("new", 60), pattern("more", 410), pattern("less", 10)], range(0, 60), [pattern("usual", 1990), pattern("more", 10), pattern("less", 100), pattern("gone", 200)], range(-60, 0));
  expect(ranked.map(({ template, change }) => [template, change.kind])).toEqual([["new", "new"], ["more", "more"], ["gone", "gone"], ["less", "less"], ["usual", "usual"]]);
  expect(ranked[1]!.change).toMatchObject({ times: 41 });
});

test("an error leads over what merely grew, and what is new over both of its gravity", () => {
  const now = [pattern("busy", 6600), pattern("started", 40), pattern("seldom", 2), pattern("slow", 300, "warn"), pattern("odd", 80, "warn"), pattern("refused", 90, "error"), pattern("once", 1, "error"), pattern("failed", 9000, "error")];
  const past = [pattern("busy", 1000), pattern("slow", 100, "warn"), pattern("failed", 1000, "error")];
  expect(rank(now, range(0, 60), past, range(-60, 0)).map(({ template }) => template)).toEqual(["refused", "failed", "once", "odd", "slow", "started", "busy", "seldom"]);
});

test("what is usual is scaled to the length of the range", () => {
  const [one] = rank([pattern("a", 400)], range(0, 60), [pattern("a", 100)], range(0, 15));
  expect(one).toMatchObject({ expected: 400, change: { kind: "usual" } });
  expect(before(range(60, 120))).toEqual(range(0, 60));
  expect(firstQuarter(range(0, 60))).toEqual(range(0, 15));
});

test("rows of one time have their place in the key, also across pages", () => {
  const page = (times: number[]): LogPage => ({ rows: times.map(row), truncated: false, stats });
  expect(withKeys([page([9, 7, 7]), page([7, 3])]).map((one) => one.key)).toEqual(["9", "7", "7.1", "7.2", "3"]);
});

test("a paused tail waits aside, and says what it skipped", () => {
  let state = arrive(EMPTY, [row(1), row(2)], 0, 1000, false);
  expect(state.rows.map((one) => one.key)).toEqual(["2", "1"]);
  state = arrive(state, [row(3)], 7, 1250, true);
  expect([state.rows.length, state.waiting.length]).toEqual([2, 1]);
  expect(rateOf(state, 1300)).toEqual({ perSecond: 2, oneIn: 3 });
  expect(rateOf(state, 99_000)).toEqual({ perSecond: 0, oneIn: 1 });
  state = show(state);
  expect(state.rows.map((one) => one.key)).toEqual(["3", "2", "1"]);
});

test("a tail keeps a bounded number of rows", () => {
  const many = Array.from({ length: ROWS_KEPT + 5 }, (_, index) => row(index));
  expect(arrive(EMPTY, many, 0, 0, false).rows).toHaveLength(ROWS_KEPT);
  const waiting = arrive(EMPTY, many, 0, 0, true);
  expect([waiting.waiting.length, waiting.dropped]).toEqual([ROWS_KEPT, 5]);
});

test("the pattern of a line", () => {
  const templates = ["order <_> placed", "order <_> placed, <_> items", "ready"];
  expect(templateOf("order 12 placed, 3 items", templates)).toBe("order <_> placed, <_> items");
  expect(templateOf("ready", templates)).toBe("ready");
  expect(templateOf("took 12ms on db-3", [])).toBe("took <_> on <_>");
});

const facets = (total: number, values: Record<string, number>): LogFacets => ({ total, stats, facets: [{ field: "f", distinct: 2, missing: 0, values: Object.entries(values).map(([value, count]) => ({ value, count })) }] });

test("values whose share did not change are left out", () => {
  const found = differences(facets(1000, { a: 900, b: 100 }), facets(500, { a: 250, b: 50, c: 200 }));
  expect(found.map((one) => one.value)).toEqual(["c", "a"]);
  expect(found[1]).toMatchObject({ here: 0.9, there: 0.5 });
  expect(differences(facets(0, {}), facets(0, {}))).toEqual([]);
});

test("times without any record cannot be compared", () => {
  const [some, none] = [facets(3, { a: 3 }), facets(0, {})];
  expect([nothingIn(some, some), nothingIn(some, none), nothingIn(none, some), nothingIn(none, none)]).toEqual([null, "there", "here", "both"]);
});

test("the other range comes from the link, else it is the time before", () => {
  expect(otherOf("5-9", range(60, 120))).toEqual({ from: 5n, to: 9n });
  expect(otherOf("9-5", range(60, 120))).toEqual(range(0, 60));
  expect(otherOf("", range(60, 120))).toEqual(range(0, 60));
});
