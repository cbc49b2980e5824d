import { describe, expect, it } from "vitest";
import type { AttributeShare, Explanation, Operation } from "@/api/explain";
import { nanos } from "@/model/time";
import { badLookedAt, causeQuery, causesOf, differencesOf, lanesOf, pathTo, type SpanOfExample } from "./rows";

const tested = { p_value: 0, q_value: 0, is_significant: true };
const operation = (service: string, name: string, spent: number): Operation => ({ service, operation: name, how: "failing", spent, expected: 0, ...tested });
const attribute = (name: string, bad: number, other: number, difference: number, is_significant = true): AttributeShare => ({ service: "payments", name, value: "x", bad, other, difference, p_value: 0, q_value: 0, is_significant });
const span = (span_id: string, parent_span_id: string | null, service: string, start: number, duration: number): SpanOfExample => ({ trace_id: "t", span_id, parent_span_id, service, start: nanos(start), duration: nanos(duration), failed: false });
const SPANS = [span("a", null, "checkout", 0, 100), span("b", "a", "payments", 10, 80), span("c", "b", "payments-db", 20, 60), span("d", "a", "inventory", 1, 5)];
const example = { trace_id: "t", span_id: "a", service: "checkout", name: "POST", start: nanos(0), duration: nanos(100), culprit: { span_id: "c", service: "payments-db", operation: "SELECT", how: "failing", took: nanos(60), status_message: "timed out" }, logs: [] };
const explanation: Explanation = {
  version: 1, window: { start: nanos(0), end: nanos(1), good: 900, bad: 100, looked_at: 500 }, before: { start: nanos(0), end: nanos(0), good: 1000, bad: 0, looked_at: 400 },
  services: [], operations: [operation("payments", "POST /authorize", 20), operation("payments-db", "SELECT", 70), operation("x", "y", 0.4)],
  attributes: [attribute("span.http.response.status_code", 100, 0, 1), attribute("resource.service.version", 85, 80, 0.75), attribute("span.a", 50, 400, 0, false), attribute("span.b", 0, 800, -1)],
  versions: [], examples: [example], summary: "", tests: 4, is_estimate: false, warnings: [],
};

describe("causes", () => {
  it("sum to the whole, the largest first, with the way from an example", () => {
    const { rows, other } = causesOf(explanation, SPANS, "checkout");
    expect(rows.map((row) => [row.operation.service, row.share, row.path])).toEqual([
      ["payments-db", 0.7, ["checkout", "payments", "payments-db"]],
      ["payments", 0.2, ["checkout", "…", "payments"]],
    ]);
    expect(rows[0]?.message).toBe("timed out");
    expect(other).toEqual({ spent: 10, share: 0.1, count: 1 });
  });
  it("survive a window without bad events, and a trace whose parents are missing", () => {
    expect(causesOf({ ...explanation, window: { ...explanation.window, bad: 0 } }, [], "checkout")).toEqual({ rows: [], other: null });
    expect(pathTo(example, SPANS.slice(2))).toEqual(["payments-db"]);
    expect(pathTo(example, [])).toBeNull();
  });
  it("lead to their spans", () => expect(causeQuery(operation("a", 'say "x"', 1))).toBe('{ resource.service.name = "a" && name = "say \\"x\\"" && status = error }'));
});

describe("differences", () => {
  const names = (rows: { attribute: AttributeShare }[]) => rows.map((row) => row.attribute.name);
  it("are shares of what was looked at; what only names the failure stands apart", () => {
    const { rows, outcomes, badCount, otherCount, same } = differencesOf(explanation);
    expect([badCount, otherCount, same]).toEqual([100, 800, 1]);
    expect([...rows, ...outcomes].map((row) => [row.attribute.name, row.bad, row.other])).toEqual([["resource.service.version", 0.85, 0.1], ["span.http.response.status_code", 1, 0]]);
  });
  it("begin with versions, then the largest; consequences and small shares stand apart", () => {
    const version = attribute("resource.service.version", 85, 80, 0.75);
    const found = [attribute("span.customer.id", 9, 0, 0.09), attribute("span.flag", 60, 80, 0.5), version, attribute("span.region", 100, 40, 0.95), attribute("span.rpc.method", 90, 0, 0.9), attribute("span.http.route", 90, 0, 0.9)];
    const { rows, outcomes, small } = differencesOf({ ...explanation, attributes: found, versions: [version, attribute("resource.service.version", 50, 400, 0, false)] });
    expect(names(rows)).toEqual(["resource.service.version", "span.region", "span.http.route", "span.flag"]);
    expect([names(outcomes), names(small)]).toEqual([["span.rpc.method"], ["span.customer.id"]]);
  });
  it("know versions that are not among the attributes", () => {
    expect(names(differencesOf({ ...explanation, attributes: [], versions: [attribute("resource.service.version", 90, 0, 0.9)] }).rows)).toEqual(["resource.service.version"]);
  });
  it("are none where nothing is more than chance", () => {
    const { rows, outcomes, small } = differencesOf({ ...explanation, attributes: [attribute("span.a", 50, 400, 0.4, false)] });
    expect([rows, outcomes, small]).toEqual([[], [], []]);
  });
  it("need attributes to know how many", () => expect(badLookedAt([], 900, 100)).toBe(100));
});

describe("lanes", () => {
  it("end in the span to blame", () => {
    expect(lanesOf(example, SPANS, nanos(200))).toEqual([
      { service: "checkout", from: 0, to: 0.5, culprit: false },
      { service: "payments", from: 0.05, to: 0.45, culprit: false },
      { service: "payments-db", from: 0.1, to: 0.4, culprit: true },
    ]);
    expect(lanesOf(example, [], nanos(0))).toEqual([]);
  });
});
