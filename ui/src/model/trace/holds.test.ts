import { expect, it } from "vitest";
import { contains } from "../range";
import { type Nanos, nanos } from "../time";
import { holdsSpan, holdsTrace, logsIn } from "./holds";
import { buildTree, type LogIn, type SpanIn } from "./tree";

const T0 = 1_700_000_000_123_456_789n;
const at = (ns: number): Nanos => nanos(T0 + BigInt(ns));
const span = (id: string, start: number, duration: number): SpanIn => ({ id, parent: null, service: "web", name: "GET /", kind: "server", start: at(start), duration: nanos(duration), error: false, events: [], links: 0 });
const log = (id: string, ns: number, of: string | null = "a"): LogIn => ({ id, span: of, time: at(ns), severity: "INFO", severityNumber: 9, body: id, service: "web" });
const S = 1e9;

it("holds every span and record of a trace, those before its start and past its end too", () => {
  const tree = buildTree({ spans: [span("a", 0, 3 * S), span("b", 2 * S, 5 * S)], logs: [log("early", -4 * S), log("at its end", 3 * S), log("late", 9 * S)], path: [] });
  const range = holdsTrace(tree);
  for (const ns of [-4 * S, 0, 3 * S, 7 * S, 9 * S]) expect(contains(range, at(ns)), String(ns)).toBe(true);
  // And not much more.
  expect(range.from).toBeGreaterThan(at(-6 * S));
  expect(range.to).toBeLessThan(at(11 * S));
});

it("holds records of which no span is stored", () => {
  const range = holdsTrace(buildTree({ spans: [], logs: [log("one", 0, null), log("two", 30 * S, null)], path: [] }));
  expect(contains(range, at(0)) && contains(range, at(30 * S))).toBe(true);
});

it("is written so that the link loses nothing", () => {
  const tree = buildTree({ spans: [span("a", 0, 1)], logs: [log("last", 5 * S)], path: [] });
  const { from, to } = holdsTrace(tree);
  expect([from % 1_000_000n, to % 1_000_000n]).toEqual([0n, 0n]);
  const search = logsIn("trace_id:ab", { from, to });
  expect(search.q).toBe("trace_id:ab");
  expect([Date.parse(search.from ?? ""), Date.parse(search.to ?? "")]).toEqual([Number(from / 1_000_000n), Number(to / 1_000_000n)]);
});

it("leaves a part of a trace room for the rest", () => {
  const range = holdsSpan(at(0), nanos(200_000_000));
  expect(contains(range, at(-59 * S)) && contains(range, at(60 * S))).toBe(true);
  const long = holdsSpan(at(0), nanos(300 * S));
  expect(contains(long, at(-299 * S)) && contains(long, at(599 * S))).toBe(true);
});
