import { expect, it } from "vitest";
import { remove, type Step, STEPS_MAX, type Trail, visit } from "./trail";

const step = (href: string, kind = "trace"): Step => ({ title: href, href, kind, at: "2026-11-22T03:12:00Z" });
const of = (...hrefs: string[]) => hrefs.reduce<Trail>((trail, href) => visit(trail, step(href)), { steps: [], current: -1 });

it("adds steps in their order", () => expect(of("/alerts/1", "/slos/a").current).toBe(1));
it("returns to a step without losing later ones, and keeps its latest view", () => {
  const trail = visit(of("/alerts/1", "/slos/a", "/traces/9c"), step("/slos/a?tab=groups"));
  expect([trail.current, trail.steps.map((s) => s.href)]).toEqual([1, ["/alerts/1", "/slos/a?tab=groups", "/traces/9c"]]);
});
it("keeps at most so many", () => expect(of(...Array.from({ length: 30 }, (_, i) => `/traces/${i}`)).steps).toHaveLength(STEPS_MAX));
it("removes one", () => expect(remove(of("/a", "/b", "/c"), 0)).toMatchObject({ current: 1, steps: [{ href: "/b" }, { href: "/c" }] }));
