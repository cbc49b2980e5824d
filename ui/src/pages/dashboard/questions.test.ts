import { expect, it } from "vitest";
import type { Panel } from "@/model/dashboard/document";
import type { Choices } from "@/model/dashboard/variables";
import { nanos } from "@/model/time";
import { ownValues, panelStep, questionsOf } from "./questions";

const S = 1_000_000_000n;
/** An hour that begins and ends between two steps. */
const range = { from: nanos(1_700_000_007n * S), to: nanos(1_700_003_607n * S) };
const NONE: Choices = new Map();
const panel = (over: Partial<Panel>): Panel => ({ id: "p", kind: "time_series", title: "P", x: 0, y: 0, w: 6, h: 8, queries: [], ...over }) as Panel;
const texts = (over: Partial<Panel>, choices = NONE) => questionsOf(panel(over), range, choices).map(({ question, problem }) => question?.text ?? problem);

it("asks for as many points as the panel is wide, and never for seconds of a rate", () => {
  expect(panelStep({ kind: "time_series", w: 12 }, range)).toBe(15n * S);
  expect(panelStep({ kind: "time_series", w: 1 }, range)).toBe(120n * S);
  expect(panelStep({ kind: "heat_map", w: 12 }, range)).toBe(60n * S);
  expect(ownValues(range, nanos(15n * S)).windowSeconds).toBe(120);
  expect(ownValues(range, nanos(600n * S)).windowSeconds).toBe(2400);
});

it("aligns the bounds of what is drawn over time, and leaves those of rows", () => {
  const of = (kind: Panel["kind"], language: "promql" | "logs") => questionsOf(panel({ kind, queries: [{ language, query: "up" }] }), range, NONE)[0]?.question;
  const drawn = of("time_series", "promql");
  expect([(drawn?.range.from ?? 1n) % (drawn?.step ?? 1n), (drawn?.range.to ?? 1n) % (drawn?.step ?? 1n)]).toEqual([0n, 0n]);
  expect(of("logs", "logs")?.range).toEqual(range);
});

it("adds what a kind of panel needs, once", () => {
  expect(texts({ kind: "heat_map", queries: [{ language: "traceql", query: "{ }" }] })).toEqual(["{ } | histogram_over_time(duration)"]);
  expect(texts({ kind: "heat_map", queries: [{ language: "traceql", query: "{ } | histogram_over_time(duration) by (name)" }] })).toEqual(["{ } | histogram_over_time(duration) by (name)"]);
  expect(texts({ kind: "logs", queries: [{ language: "logs", query: "" }] })).toEqual(["* | fields time, severity, service, body, trace_id, span_id"]);
  expect(texts({ w: 12, queries: [{ language: "logs", query: "refused" }] })).toEqual(["refused | count by severity per 15s"]);
  expect(texts({ queries: [{ language: "logs", query: "refused | count by service per 60s" }] })).toEqual(["refused | count by service per 60s"]);
});

it("leaves out what is empty, and says why it asks nothing", () => {
  expect(texts({ queries: [{ language: "promql", query: "  " }, { language: "promql", query: "up" }] })).toEqual(["up"]);
  expect(texts({ kind: "traces", queries: [{ language: "promql", query: "up" }] })).toEqual(["this kind of panel does not ask in promql"]);
  expect(questionsOf(panel({ kind: "of tomorrow", queries: [{ language: "promql", query: "up" }] }), range, NONE)).toEqual([]);
});

it("puts variables in their place", () => {
  const choices: Choices = new Map([["service", { all: false as const, values: ["cart", "payments"] }]]);
  expect(texts({ queries: [{ language: "promql", query: 'up{job=~"$service"}' }] }, choices)).toEqual(['up{job=~"(cart|payments)"}']);
});
