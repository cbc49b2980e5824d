import { expect, test } from "vitest";
import type { SqlTable } from "@/api/sql";
import { nanos } from "@/model/time";
import { asTsv, cellText, chartOf, sortKey, traceIdOf, widthOf } from "@/components/sql/answer";
import { lookAt, placeInDraft, withTime } from "./text";
import { typeWord } from "@/components/sql/types";

const range = { from: nanos(1_700_000_000_000_000_000n), to: nanos(1_700_003_600_000_000_000n) };
const FROM = "TIMESTAMP '2023-11-14T22:13:20.000Z'";
const table = (columns: [string, string][], rows: unknown[][]): SqlTable => ({ columns: columns.map(([name, type]) => ({ name, type })), rows, stats: {} as SqlTable["stats"], truncated: false });

test("the page's time stands in for $from and $to, but not in texts and comments", () => {
  expect(withTime("time >= $from AND x = '$from' -- $to\nAND \"$to\" = 1", range)).toBe(`time >= ${FROM} AND x = '$from' -- $to\nAND "$to" = 1`);
  expect(withTime("$fromage", range)).toBe("$fromage");
});

test("positions lead back to the text as it was written", () => {
  const draft = "SELECT 1\nWHERE t > $from AND nope";
  const sent = withTime(draft, range).split("\n")[1]!;
  expect(placeInDraft(draft, range, { line: 2, column: sent.indexOf("nope") + 1 })).toEqual({ line: 2, column: draft.split("\n")[1]!.indexOf("nope") + 1 });
  expect(placeInDraft(draft, range, { line: 9, column: 4 })).toEqual({ line: 9, column: 4 });
});

test("a first look is within the page's time where the table has one", () => {
  expect(lookAt("spans")).toContain("start_time >= $from");
  expect(lookAt("segments")).toBe('SELECT *\nFROM "segments"\nLIMIT 100');
});

test("cells as text", () => {
  const time = { name: "time", type: "timestamp" };
  expect(cellText("1700000000000000001", time, "UTC")).toBe("2023-11-14 22:13:20.000000001");
  expect(cellText(null, time, "UTC")).toBe("");
  expect(cellText([1], { name: "a", type: "list" }, "UTC")).toBe("[1]");
  expect(asTsv(table([["a", "string"], ["b", "int64"]], [["x\ty", 1], [null, 2]]), [["x\ty", 1], [null, 2]], "UTC")).toBe("a\tb\nx y\t1\n\t2");
});

test("numbers written as texts sort as numbers", () => {
  expect(sortKey("10", { name: "n", type: "int64" })).toBe(10n);
  expect(sortKey("NaN", { name: "n", type: "float64" })).toBeNaN();
  expect(sortKey("10", { name: "n", type: "string" })).toBe("10");
  expect(sortKey(null, { name: "n", type: "string" })).toBeNull();
});

test("only trace ids lead to traces", () => {
  const id = "0123456789abcdef0123456789abcdef";
  expect(traceIdOf(id, { name: "trace_id", type: "binary" })).toBe(id);
  expect(traceIdOf(id, { name: "slowest_trace_id", type: "binary" })).toBe(id);
  expect(traceIdOf(id, { name: "series_id", type: "binary" })).toBeNull();
  expect(traceIdOf("0".repeat(32), { name: "trace_id", type: "binary" })).toBeNull();
});

test("a time column and numbers make lines, one for each text beside them", () => {
  const chart = chartOf(table([["minute", "timestamp"], ["service", "string"], ["n", "int64"]], [["2", "a", 5], ["1", "a", 3], ["2", "b", "7"]]));
  expect(chart).toEqual({ times: [1n, 2n], lines: [{ name: "a", values: [3, 5] }, { name: "b", values: [null, 7] }] });
  expect(chartOf(table([["service", "string"], ["n", "int64"]], [["a", 1]]))).toBeNull();
  expect(chartOf(table([["t", "timestamp"], ["x", "int64"], ["y", "float64"]], [["1", 1, null]]))?.lines).toEqual([{ name: "x", values: [1] }, { name: "y", values: [null] }]);
});

test("columns are as wide as most cells need, within bounds", () => {
  const wide = table([["a", "string"], ["b", "string"]], [["x".repeat(500), ""]]);
  expect([widthOf(wide, 0, "UTC"), widthOf(wide, 1, "UTC")]).toEqual([420, 64]);
});

test("types in a word", () => {
  expect(['Timestamp(ns, "UTC")', "Dictionary(Int32, Utf8)", "Utf8View", "FixedSizeBinary(16)", "UInt64", "Boolean"].map(typeWord)).toEqual(["time", "text", "text", "id", "integer", "true/false"]);
});
