import { expect, it } from "vitest";
import { around, type Edge, edgeTone, edgeWidth, type Graph, grouped, hurting, shownOf, walk, worstEdge } from "./graph";
import { LABEL, layoutOf, type Point, stretched } from "./layout";

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

/** The demo's shop: an edge of it swings around the outermost box. */
const SHOP = [
  "balancer>gateway", "cart>redis", "catalog>redis", "catalog>sqlite", "cdn>balancer", "cdn>gateway", "fulfilment>partner", "gateway>cart", "gateway>catalog", "gateway>orders", "orders>catalog", "orders>payment",
  "orders>queue", "orders>sqlite", "payment>sqlite", "shopper>cdn", "shopper>cdn.test", "shopper>dns", "shopper>dns.test", "queue>fulfilment", "user>catalog",
].map((call) => ({ from: call.split(">")[0] ?? "", to: call.split(">")[1] ?? "" }));

it("draws all of every edge, and writes at it where no box is", () => {
  const size = { width: 136, height: 44 };
  const boxes = [...new Set(SHOP.flatMap(({ from, to }) => [from, to]))].map((id) => ({ id, ...size }));
  const placed = layoutOf({ boxes, edges: SHOP });
  const apart = (a: Point, b: Point) => Math.abs(a.x - b.x) >= (size.width + LABEL.width) / 2 || Math.abs(a.y - b.y) >= (size.height + LABEL.height) / 2;
  for (const map of [placed, stretched(placed, { width: 1200, height: 2000 })]) {
    const bends = Object.values(map.edges).flat();
    expect(bends.filter(({ x, y }) => x < 0 || y < 0 || x > map.width || y > map.height)).toEqual([]);
    const ends = Object.entries(map.edges).flatMap(([key, points]) => key.split(" → ").map((name, index) => [map.boxes[name]!, points.at(-index)!] as const));
    expect(ends.filter(([box, end]) => Math.abs(box.x - end.x) > size.width / 2 + 1 || Math.abs(box.y - end.y) > size.height / 2 + 1)).toEqual([]);
    expect(Object.entries(map.labels).filter(([, label]) => Object.values(map.boxes).some((box) => !apart(label, box)))).toEqual([]);
  }
});

it("is drawn out to fill a high room, to a bound, and never pressed", () => {
  const placed = layoutOf({ boxes: [{ id: "a", width: 100, height: 40 }, { id: "b", width: 100, height: 40 }], edges: [{ from: "a", to: "b" }] });
  expect(stretched(placed, { width: 2000, height: placed.height * 1.5 }).height).toBe(placed.height * 1.5);
  expect(stretched(placed, { width: 2000, height: 9999 }).height).toBe(Math.round(placed.height * 1.8));
  expect(stretched(placed, { width: 2000, height: 10 })).toEqual(placed);
});
