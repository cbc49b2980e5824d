import { expect, test } from "vitest";
import type { Family } from "@/api/promql";
import type { Range } from "@/model/range";
import { nanos } from "@/model/time";
import { catalogue, typeWords } from "./catalogue";
import { metricsOf, substitute, suggestions, unitOf, warningsOf } from "@/components/series/expression";
import { nearest } from "./nearest-names";
import { aligned, exemplarsOf, gridOf, heightOf, namesOf, onGrid, shownOf, stepOf } from "@/components/series/series";

const S = 1_000_000_000;
const range = (from: number, to: number): Range => ({ from: nanos(from * S), to: nanos(to * S) });
const families = new Map<string, Family>([
  ["http_duration_seconds", { type: "histogram", help: "Durations.", unit: "s" }],
  ["orders_total", { type: "counter", help: "Orders.", unit: "{order}" }],
  ["pool_size", { type: "gauge", help: "Connections.", unit: "{connection}" }],
  ["process_memory_usage_bytes", { type: "gauge", help: "Memory.", unit: "By" }],
  ["net_bytes_total", { type: "counter", help: "Bytes.", unit: "By" }],
]);

test("metrics of a text: not functions, labels, words or texts", () => {
  expect(metricsOf('sum by (job) (rate(orders_total{route="/x_y"}[5m])) / on (job) group_left pool_size')).toEqual(["orders_total", "pool_size"]);
  expect(metricsOf('{__name__="a_b"} and up # c_d')).toEqual(["a_b", "up"]);
  expect(metricsOf("1 + 2")).toEqual([]);
});

test("units follow from names and functions", () => {
  const units: [string, string][] = [
    ["histogram_quantile(0.9, sum by (le) (rate(http_duration_seconds_bucket[5m])))", "seconds"],
    ["sum(rate(http_duration_seconds_count[5m]))", "rate"],
    ["rate(http_duration_seconds_sum[5m]) / rate(http_duration_seconds_count[5m])", "seconds"],
    ['sum(rate(orders_total{e="1"}[5m])) / sum(rate(orders_total[5m]))', "ratio"],
    ["increase(orders_total[1h])", "count"],
    ["process_memory_usage_bytes", "memory"],
    ["rate(net_bytes_total[5m])", "bytes"],
    ["pool_size", "count"],
    ["42", "none"],
  ];
  for (const [text, unit] of units) expect([text, unitOf(text, families)]).toEqual([text, unit]);
});

test("a rate of a gauge and a bare counter get a quiet warning", () => {
  expect(warningsOf("rate(pool_size[5m])", families)[0]).toContain("pool_size is a gauge");
  expect(warningsOf("delta(orders_total[5m])", families)[0]).toContain("counts a restart as a fall");
  expect(warningsOf("sum(orders_total)", families)[0]).toContain("only grows");
  expect(warningsOf("sum(rate(orders_total[5m])) + pool_size", families)).toEqual([]);
  expect(warningsOf("rate(unheard_of[5m])", families)).toEqual([]);
});

test("formulas name queries by letters", () => {
  expect(substitute("A / B", ["x", "y + z"])).toBe("(x) / (y + z)");
  expect(substitute('label_replace(A, "B", "", "", "")', ["x"])).toBe('label_replace((x), "B", "", "", "")');
  expect(substitute("A / C", ["x", "y"])).toBeNull();
  expect(substitute(" ", ["x"])).toBeNull();
});

test("suggestions are by type, and split by a label", () => {
  expect(suggestions("orders_total", "counter", "job")[0]?.query).toBe("sum by (job) (rate(orders_total[5m]))");
  expect(suggestions("d_seconds", "histogram", "job").find((one) => one.label === "p95")?.query).toBe("histogram_quantile(0.95, sum by (le, job) (rate(d_seconds_bucket[5m])))");
  expect(suggestions("g", "gauge", "")[0]?.query).toBe("g");
});

test("types are words", () => {
  expect(typeWords({ type: "counter", temporality: "cumulative" })).toBe("counter, cumulative");
  expect(typeWords({ type: "exponential_histogram", temporality: "delta" })).toBe("exponential histogram, delta");
  expect(typeWords({ type: "unknown", temporality: "" })).toBe("not told");
});

test("steps are as chosen, and bounds their multiples", () => {
  expect(stepOf("5m", range(0, 60))).toBe(300n * 1_000_000_000n);
  expect(Number(stepOf("auto", range(0, 3600)))).toBe(15 * S);
  expect(aligned(range(17, 61), nanos(15 * S))).toEqual(range(15, 60));
  expect(gridOf(range(15, 60), nanos(15 * S))).toHaveLength(4);
});

test("series are named by what tells them apart", () => {
  expect(namesOf([{ __name__: "up", job: "a", env: "x" }, { __name__: "up", job: "b", env: "x" }])).toEqual(['{job="a"}', '{job="b"}']);
  expect(namesOf([{ __name__: "up" }])).toEqual(["up"]);
  expect(namesOf([{}])).toEqual(["value"]);
  expect(namesOf([{ a: "1" }, { a: "1" }])).toEqual(["value", "value 2"]);
});

test("what was not measured stays a gap", () => {
  const grid = gridOf(range(0, 45), nanos(15 * S));
  const [line] = onGrid([{ metric: { a: "b" }, values: [[0, 1], [30, 3], [45, NaN]] }], grid);
  expect(line).toMatchObject({ name: '{a="b"}', values: [1, null, 3, null] });
});

test("only the largest of many series are drawn", () => {
  const lines = Array.from({ length: 30 }, (_, i) => ({ name: String(i), labels: {}, values: [null, i] }));
  expect(shownOf(lines, false).map((line) => line.name)).toEqual(Array.from({ length: 20 }, (_, i) => String(29 - i)));
  expect(shownOf(lines, true)).toHaveLength(30);
});

test("exemplars are thinned to the largest of each stretch, each with its trace", () => {
  const at = (seconds: number, value: number, trace = "t") => ({ labels: (trace === "" ? {} : { trace_id: trace, span_id: "s" }) as Record<string, string>, value, timestamp: nanos(seconds * S) });
  const found = [{ seriesLabels: { le: "1" }, exemplars: [at(1, 0.2, "a"), at(1, 0.9, "b"), at(500, 3, "c")] }, { seriesLabels: { le: "2" }, exemplars: [at(1, 0.9, "b"), at(700, 1, ""), at(9999, 1)] }];
  expect(exemplarsOf(found, range(0, 1200), null).map(({ traceId, y }) => [traceId, y])).toEqual([["b", 0.9], ["c", 3]]);
  const grid = gridOf(range(0, 1200), nanos(600 * S));
  const height = heightOf([{ name: "", labels: {}, values: [5, 7, null] }], grid);
  expect(exemplarsOf(found, range(0, 1200), height).map(({ y }) => y)).toEqual([5, 7]);
});

test("metrics have both of their names", () => {
  const sent = { temporality: 2, is_monotonic: true, description: "Orders.", unit: "{order}", series: 3, seen: nanos(1) };
  const all = catalogue([{ ...sent, name: "orders", type: "sum" }, { ...sent, name: "http.duration", type: "histogram", description: "Durations.", unit: "s" }], families, ["orders_total", "http_duration_seconds_bucket", "http_duration_seconds_count", "spans_latency_bucket", "spans_latency_count", "spans_latency_sum", "spans_calls_total"]);
  expect(all.map(({ name, type, sentAs }) => [name, type, sentAs])).toEqual([
    ["http_duration_seconds", "histogram", "http.duration"], ["orders_total", "counter", "orders"], ["spans_calls_total", "counter", ""], ["spans_latency", "histogram", ""],
  ]);
  expect(all[1]?.temporality).toBe("cumulative");
});

test("the nearest names of a mistyped one", () => {
  expect(nearest("http_durations_second", ["http_duration_seconds", "orders_total"])).toEqual(["http_duration_seconds"]);
  expect(nearest("zzz", ["http_duration_seconds"])).toEqual([]);
});
