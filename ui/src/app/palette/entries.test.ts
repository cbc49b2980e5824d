import { expect, it } from "vitest";
import { entriesOf, isTracePrefix, type Known, score } from "./entries";

const known: Known = {
  services: ["checkout", "payments", "cart"], slos: [{ name: "checkout-availability", title: "checkout availability" }],
  alerts: [{ fingerprint: "1f6e", title: "checkout availability burns 21 ×", service: "checkout" }], metrics: ["shop_requests_total"], dashboards: [{ id: "stack-overview", title: "Stack overview" }, { id: "my view", title: "Checkout in July" }], faults: [],
  pages: [{ to: "/", label: "Overview" }, { to: "/logs", label: "Logs" }], actions: [{ action: "dark", label: "Dark theme" }],
  traceOfSpan: null, traces: [], time: null, recent: [],
};
const sections = (typed: string, more: Partial<Known> = {}) => entriesOf(typed, { ...known, ...more }).map((e) => e.section);
const traceId = "9c41f07e9c41f07e9c41f07e9c41f07e";

it("knows a trace id", () => expect(entriesOf(traceId, known)[0]?.act).toEqual({ kind: "go", to: `/traces/${traceId}` }));
it("finds a trace by the digits that are shown of its id", () => {
  expect(isTracePrefix("9c41f07e") && !isTracePrefix("9c41f07") && !isTracePrefix(traceId) && !isTracePrefix("checkout")).toBe(true);
  expect(entriesOf("9c41f07e", { ...known, traces: [traceId] })[0]).toEqual({ section: "Trace", label: "Trace 9c41f07e", note: traceId, act: { kind: "go", to: `/traces/${traceId}` } });
});
it("has its sections in order", () => expect(sections("checkout")).toEqual(["Services", "SLOs", "Alerts", "Dashboards", "Search"]));
it("leads a span to its trace", () => expect(entriesOf("00f067aa0ba902b7", { ...known, traceOfSpan: traceId })[0]?.act).toMatchObject({ search: { span: "00f067aa0ba902b7" } }));
it("reads TraceQL, SQL and PromQL", () => {
  expect(entriesOf("{ status = error }", known).at(-1)?.label).toBe("Search traces");
  expect(entriesOf("select 1", known).at(-1)?.label).toBe("Run as SQL");
  expect(entriesOf("rate(shop[5m])", known).map((e) => e.label)).toContain("Graph as PromQL");
});
it("leads to dashboards by their titles", () => {
  expect(entriesOf("july", known)[0]).toEqual({ section: "Dashboards", label: "Checkout in July", act: { kind: "go", to: "/dashboards/my%20view" } });
  expect(entriesOf("stack", known).map((e) => e.label)).toContain("Stack overview");
});
it("begins and ends faults, in the demo only", () => {
  const faults = [{ name: "slow-database", label: "slow database", ends: false }, { name: "lost-cell", label: "lost cell", ends: true }];
  const of = (typed: string, more: Partial<Known> = {}) => entriesOf(typed, { ...known, ...more }).filter((e) => e.section === "Demo");
  expect(of("break", { faults })).toEqual([{ section: "Demo", label: "Begin the fault slow database", note: "for 5 min", act: { kind: "do", action: "begin slow-database" } }]);
  expect(of("end fault", { faults }).map((e) => e.act)).toContainEqual({ kind: "do", action: "end lost-cell" });
  expect(of("fault")).toEqual([]);
});
it("silences services and alerts by name, before all else, into a form that is filled in", () => {
  expect(entriesOf("silence chec", known).slice(0, 2)).toEqual([
    { section: "Silence", label: "Silence checkout…", note: "service", act: { kind: "go", to: "/alerts/silences", search: { new: 'service="checkout"' } } },
    { section: "Silence", label: "Silence checkout availability burns 21 ×…", note: "alert", act: { kind: "go", to: "/alerts/silences", search: { alert: "1f6e" } } },
  ]);
  expect(entriesOf("sil", known).filter((e) => e.section === "Silence").map((e) => e.label)).toContain("Silence cart…");
  expect(sections("si")).not.toContain("Silence");
});
it("opens metrics by name, with the word before it and without", () => {
  const graph = { section: "Metrics", label: "shop_requests_total", act: { kind: "go", to: "/metrics-explorer", search: { q: "shop_requests_total" } } };
  for (const typed of ["shop_req", "metric shop", "graph requests"]) expect(entriesOf(typed, known)).toContainEqual(graph);
});
it("begins with what was used last", () => expect(sections("", { recent: entriesOf("cart", known).slice(0, 1) })).toEqual(["Recent", "Pages", "Pages"]));
it("puts a word's beginning first", () => expect(score("cart", "cart")).toBeGreaterThan(score("scart", "cart")));
it("offers nothing for what matches nothing but a search", () => expect(sections("zzz")).toEqual(["Search"]));
