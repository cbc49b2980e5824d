import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { Panel, PanelQuery } from "@/model/dashboard/document";
import { nanos } from "@/model/time";
import { doorOf, sourcesOf, spansOf } from "./explore";
import { questionsOf } from "./questions";

// Commands name the server that the page came from.
beforeAll(() => {
  vi.stubGlobal("window", { location: { origin: "http://binnacle:7070" } });
});
afterAll(() => {
  vi.unstubAllGlobals();
});

const S = 1_000_000_000n;
const range = { from: nanos(1_700_000_000n * S), to: nanos(1_700_003_600n * S) };
const panel = (kind: Panel["kind"], ...queries: PanelQuery[]): Panel => ({ id: "p", kind, title: "P", x: 0, y: 0, w: 6, h: 8, queries }) as Panel;
const door = (kind: Panel["kind"], ...queries: PanelQuery[]) => doorOf(panel(kind, ...queries), range, new Map());

it("leads each question to the page that takes it", () => {
  expect(door("time_series", { language: "promql", query: "a, b" }, { language: "promql", query: "c" })).toEqual({ to: "/metrics-explorer", search: { q: "a\\, b,c" }, name: "Metrics" });
  expect(door("heat_map", { language: "traceql", query: "{ name = `x` }" })).toEqual({ to: "/traces", search: { q: "{ name = `x` }" }, name: "Traces" });
  expect(door("logs", { language: "logs", query: "severity:error" })).toEqual({ to: "/logs", search: { q: "severity:error" }, name: "Logs" });
  expect(door("logs", { language: "logs", query: "" })?.search).toEqual({ q: "" });
  expect(door("slo")).toMatchObject({ to: "/slos" });
  expect(door("time_series")).toBeNull();
});

it("leaves the time to the console, which knows it by the same names", () => {
  expect(door("table", { language: "sql", query: "SELECT 1 WHERE time >= $from AND time < $to" })?.search.q).toBe("SELECT 1 WHERE time >= $from AND time < $to");
});

it("takes the spans out of a query of metrics", () => {
  expect(spansOf("{ status = error } | rate() by (resource.service.name)")).toBe("{ status = error }");
  expect(spansOf("{ a } >> { b }")).toBe("{ a } >> { b }");
});

it("gives its texts away, by language, and as a command", () => {
  const of = (one: Panel) => sourcesOf(one, questionsOf(one, range, new Map()));
  const both = of(panel("time_series", { language: "promql", query: "up" }, { language: "traceql", query: "{ } | rate()" }));
  expect([both.promql, both.traceql, both.sql]).toEqual(["up", "{ } | rate()", undefined]);
  expect(both.curl?.split("\n").filter((line) => line.includes("curl"))).toHaveLength(2);
  expect(of(panel("traces", { language: "traceql", query: "{ }" })).curl).toContain("/api/v1/traces?query=");
  expect(of(panel("slo")).curl).toContain("/api/v1/slos");
});
