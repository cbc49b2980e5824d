import { describe, expect, it } from "vitest";
import type { PanelAnswer } from "@/api/panels";
import type { PanelQuery } from "@/model/dashboard/document";
import { nanos } from "@/model/time";
import { type Answered, heatOf, labelsIn, lineName, linesOf, recordsOf, reduced, rowsTable, servicesOf, statsOf, tableOf, withGaps } from "./frames";

const S = 1_000_000_000n;
const STEP = nanos(60n * S);
const at = (minute: number) => nanos(1_699_999_980n * S + BigInt(minute) * 60n * S);
const seconds = (minute: number) => Number(at(minute) / S);
const range = { from: at(0), to: at(3) };
const STATS = { elapsed_ms: 0, segments: 0, segments_pruned: 0, row_groups_pruned: 0, pages_pruned: 0, rows_buffered: 0, rows_scanned: 0, rows_returned: 0, bytes_read: 0, warnings: [] };

const answered = (answer: PanelAnswer, query: Partial<PanelQuery> = {}): Answered => ({
  query: { language: "promql", query: "q", ...query }, question: { language: "promql", text: "q", range, step: STEP, limit: 1000 }, answer,
});
const series = (...all: [Record<string, string>, [number, number][]][]): PanelAnswer => ({ shape: "series", warnings: [], series: all.map(([metric, values]) => ({ metric, values: values.map(([minute, value]) => [seconds(minute), value]) })) });
const table = (columns: [string, string][], ...rows: unknown[][]): PanelAnswer => ({ shape: "table", warnings: [], table: { columns: columns.map(([name, type]) => ({ name, type })), rows, stats: STATS, truncated: false } });

describe("lines", () => {
  it("stand on the grid that was asked, with gaps where nothing was", () => {
    const { times, lines } = linesOf([answered(series([{ job: "cart" }, [[0, 1], [2, 3]]], [{ job: "orders" }, [[1, 5]]]))]);
    expect(times).toEqual([at(0), at(1), at(2), at(3)]);
    expect(lines.map((line) => line.values)).toEqual([[1, null, 3, null], [null, 5, null, null]]);
  });
  it("are named by their template, and coloured by the service they name", () => {
    expect(lineName("{{ job }} {{missing}}", { job: "cart" }, "own")).toBe("cart –");
    expect(lineName("", { job: "cart" }, "own")).toBe("own");
    const [line] = linesOf([answered(series([{ job: "cart" }, [[0, 1]]]), { name: "{{job}}" })]).lines;
    expect(line?.name).toBe("cart");
    expect(line?.token).toMatch(/^--c\d$/);
    expect(linesOf([answered(series([{ route: "/cart" }, [[0, 1]]]), { name: "{{route}}" })]).lines[0]?.token).toBeUndefined();
  });
  it("keep names apart, and a second line of a colour is dashed", () => {
    const one = answered(series([{ job: "cart" }, [[0, 1]]]), { name: "{{job}}" });
    const { lines } = linesOf([one, one]);
    expect(lines.map((line) => [line.name, line.dashed ?? false])).toEqual([["cart", false], ["cart 2", true]]);
  });
  it("of tables share one axis", () => {
    const rows = (from: number) => table([["minute", "timestamp"], ["count", "int64"]], ...[from, from + 1, from + 2].map((minute) => [String(at(minute)), minute]));
    const { times, lines } = linesOf([answered(rows(0)), answered(rows(1))]);
    expect(times).toEqual([at(0), at(1), at(2), at(3)]);
    expect(lines.map((line) => line.values)).toEqual([[0, 1, 2, null], [null, 1, 2, 3]]);
  });
  it("show a missing time as a gap, and leave irregular times as they are", () => {
    expect(withGaps({ times: [at(0), at(1), at(3)], lines: [{ name: "a", values: [1, 2, 4] }] })).toEqual({ times: [at(0), at(1), at(2), at(3)], lines: [{ name: "a", values: [1, 2, null, 4] }] });
    const odd = { times: [at(0), at(1), nanos(at(2) + 7n)], lines: [] };
    expect(withGaps(odd)).toEqual(odd);
  });
});

describe("numbers", () => {
  it("are what remains of a line", () => {
    const values = [2, null, 4, Number.NaN, 3];
    expect((["last", "max", "min", "sum", "mean"] as const).map((how) => reduced(values, how))).toEqual([3, 4, 2, 9, 3]);
    expect(reduced([null], "sum")).toBeNull();
  });
  it("come one per line, and one per row of a table without times", () => {
    expect(statsOf([answered(series([{ job: "cart" }, [[0, 1], [1, 7]]]), { name: "{{job}}" })], "max")).toEqual([{ name: "cart", value: 7, history: [1, 7, null, null] }]);
    const rows = table([["service", "string"], ["spans", "int64"]], ["cart", 3], ["orders", null]);
    expect(statsOf([answered(rows)], "last")).toEqual([{ name: "cart", value: 3, history: [] }, { name: "orders", value: null, history: [] }]);
    expect(statsOf([answered(table([["spans", "int64"]], [12]), { name: "Spans" })], "last")).toEqual([{ name: "Spans", value: 12, history: [] }]);
  });
});

describe("tables", () => {
  it("of series have a row per set of labels, a column per query", () => {
    const found = tableOf([answered(series([{ __name__: "a", job: "cart" }, [[0, 1], [1, 2]]]), { name: "now" }), answered(series([{ __name__: "b", job: "cart" }, [[0, 9]]], [{ job: "orders" }, [[0, 8]]]))]);
    expect(found?.columns.map((column) => column.name)).toEqual(["job", "now", "value B"]);
    expect(found?.rows).toEqual([["cart", 2, 9], ["orders", null, 8]]);
    expect(tableOf([])).toBeNull();
  });
  it("give away everything that is drawn", () => {
    const found = rowsTable([answered(series([{ job: "cart" }, [[1, 5]]]))]);
    expect(found?.rows).toEqual([[String(at(0)), null], [String(at(1)), 5], [String(at(2)), null], [String(at(3)), null]]);
  });
});

describe("heat maps", () => {
  it("take cumulative buckets apart, and cut empty ends off", () => {
    const cells = heatOf([answered(series([{ le: "+Inf" }, [[0, 10]]], [{ le: "0.1" }, [[0, 0]]], [{ le: "0.5" }, [[0, 4]]], [{ le: "1" }, [[0, 10]]]))]);
    expect(cells?.rows.map((row) => [row.from, row.upTo, row.counts[0]])).toEqual([[0.1, 0.5, 4], [0.5, 1, 6]]);
  });
  it("take doubling buckets as they are", () => {
    const cells = heatOf([answered(series([{ __bucket: "2" }, [[0, 3]]], [{ __bucket: "4" }, [[1, 5]]]))]);
    expect(cells?.rows.map((row) => [row.from, row.upTo, ...row.counts.slice(0, 2)])).toEqual([[1, 2, 3, 0], [2, 4, 0, 5]]);
  });
  it("take rows of time, edge and count; others are none", () => {
    const cells = heatOf([answered(table([["at", "timestamp"], ["upto", "float64"], ["n", "int64"]], [String(at(0)), 1, 2], [String(at(1)), 2, 3]))]);
    expect([cells?.step, cells?.rows.map((row) => row.counts)]).toEqual([60n * S, [[2, 0], [0, 3]]]);
    expect(heatOf([answered(table([["n", "int64"]], [1]))])).toBeNull();
    expect(heatOf([answered(series([{ job: "cart" }, [[0, 1]]]))])).toBeNull();
  });
});

it("gives every record a key of its own", () => {
  const row = [String(at(0)), "info", "cart", "added", null, null];
  const columns: [string, string][] = [["time", "timestamp"], ["severity", "string"], ["service", "string"], ["body", "string"], ["trace_id", "string"], ["span_id", "string"]];
  const records = recordsOf([answered(table(columns, row, row))]);
  expect(records.map((record) => record.body)).toEqual(["added", "added"]);
  expect(new Set(records.map((record) => record.key)).size).toBe(2);
});

it("knows its labels, and the services that the board is narrowed to", () => {
  expect(labelsIn([answered(series([{ job: "a", le: "1" }, []], [{ job: "b", az: "c" }, []]))])).toEqual(["az", "job", "le"]);
  expect(servicesOf(new Map([["service", { all: false as const, values: ["cart"] }], ["route", { all: false as const, values: ["/"] }]]))).toEqual(["cart"]);
  expect(servicesOf(new Map([["service", { all: true as const }]]))).toEqual([]);
});
