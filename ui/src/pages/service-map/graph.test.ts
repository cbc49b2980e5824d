import { expect, it } from "vitest";
import { around, type Edge, edgeTone, edgeWidth, type Graph, grouped, hurting, shownOf, walk, worstEdge } from "./graph";
import { layoutOf } from "./layout";

const node = (name: string, type = "service") => ({ name, type, count: 100, errors: 0, rate_per_second: 1 });
const edge = (caller: string, callee: string, errors = 0, rate = 1): Edge => ({
  caller, callee, connection_type: "rpc", instrumented: "both", count: 100, errors, rate_per_second: rate, error_ratio: errors / 100,
});
const GRAPH: Graph = {
  nodes: ["gateway", "catalog", "catalog-db", "checkout", "payments", "payments-db", "cart"].map((name) => node(name)),
  edges: [edge("gateway", "catalog", 0, 9), edge("catalog", "catalog-db"), edge("gateway", "checkout", 3, 5), edge("checkout", "payments", 4, 5), edge("payments", "payments-db", 0, 5), edge("checkout", "cart", 0, 4), edge("cart", "cart")],
};
const names = (graph: Graph) => graph.nodes.map((n) => n.name).sort();

it("opens on what hurts and its neighbours; all of it when nothing does", () => {
  expect(hurting(GRAPH, new Map()).sort()).toEqual(["checkout", "gateway", "payments"]);
  const shown = shownOf(GRAPH, { focus: "", depth: 2, show: "hurting" }, new Map());
  expect(names(shown)).toEqual(["cart", "catalog", "checkout", "gateway", "payments", "payments-db"]);
  expect(shown.hidden).toBe(1);
  const well = { ...GRAPH, edges: GRAPH.edges.map((e) => ({ ...e, errors: 0, error_ratio: 0 })) };
  expect(shownOf(well, { focus: "", depth: 2, show: "hurting" }, new Map()).hidden).toBe(0);
  expect(hurting(well, new Map([["cart", "warn"]]))).toEqual(["cart"]);
});

it("shows a focus to a depth, both ways", () => {
  expect(names(around(GRAPH, ["payments"], 1))).toEqual(["checkout", "payments", "payments-db"]);
  expect(names(around(GRAPH, ["payments-db"], 2))).toEqual(["checkout", "payments", "payments-db"]);
  expect(shownOf(GRAPH, { focus: "cart", depth: 1, show: "all" }, new Map()).edges).toHaveLength(1);
});

it("judges edges by share, not by few calls", () => {
  expect([edgeTone(edge("a", "b", 1)), edgeTone(edge("a", "b", 0)), edgeTone({ count: 10_000, errors: 20, error_ratio: 0.002 }), edgeTone({ count: 4, errors: 4, error_ratio: 1 })]).toEqual(["bad", "none", "warn", "none"]);
  expect(worstEdge(GRAPH.edges)?.callee).toBe("payments");
  expect(edgeWidth(0.01)).toBeLessThan(edgeWidth(10));
  expect(edgeWidth(1e6)).toBe(6);
});

it("walks along edges", () => {
  expect(walk(GRAPH, "", "callee")).toBe("gateway");
  expect(walk(GRAPH, "gateway", "callee")).toBe("catalog");
  expect(walk(GRAPH, "payments", "caller")).toBe("checkout");
  expect(walk(GRAPH, "catalog", "next")).toBe("checkout");
  expect(walk(GRAPH, "catalog", "previous")).toBe("checkout");
  expect(walk(GRAPH, "payments-db", "callee")).toBe("payments-db");
});

it("groups by namespace, else by the name's first word", () => {
  const groups = grouped(GRAPH, new Map([["checkout", "shop"], ["cart", "shop"], ["gateway", "edge"]]));
  expect(names(groups)).toEqual(["catalog", "edge", "payments", "shop"]);
  expect(groups.edges.map((e) => `${e.caller}>${e.callee}`).sort()).toEqual(["edge>catalog", "edge>shop", "shop>payments"]);
});

it("lays callers left of callees, the same for any order of rows", () => {
  const boxes = GRAPH.nodes.map((n) => ({ id: n.name, width: 150, height: 40 }));
  const edges = GRAPH.edges.filter((e) => e.caller !== e.callee).map((e) => ({ from: e.caller, to: e.callee }));
  const placed = layoutOf({ boxes, edges });
  for (const { from, to } of edges) expect(placed.boxes[from]!.x).toBeLessThan(placed.boxes[to]!.x);
  expect(layoutOf({ boxes: [...boxes].reverse(), edges: [...edges].reverse() })).toEqual(placed);
  expect(placed.width).toBeGreaterThan(450);
});
