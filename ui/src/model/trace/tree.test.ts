import { describe, expect, it } from "vitest";
import { nanos } from "../time";
import { clockBound, clocksOf, correctedExtent, find, firstToSee, operationsOf, ownersOf } from "./facts";
import { alikeOf, initialFolds, LARGE, reveal, rowAt, rowOfSpan, rowsOf } from "./rows";
import { at, buildTree, FLAG, has, type LogIn, nameOf, type SegmentIn, type SpanIn, serviceOf } from "./tree";

const T0 = 1_700_000_000_000_000_000n;
const span = (id: string, parent: string | null, service: string, name: string, start: number, duration: number, more: Partial<SpanIn> = {}): SpanIn => ({
  id, parent, service, name, kind: "internal", start: nanos(T0 + BigInt(start)), duration: nanos(duration), error: false, events: [], links: 0, ...more,
});
const log = (id: string, of: string | null, time: number): LogIn => ({ id, span: of, time: nanos(T0 + BigInt(time)), severity: "INFO", severityNumber: 9, body: id, service: "a" });
const segment = (of: string, start: number, duration: number): SegmentIn => ({ span: of, start: nanos(T0 + BigInt(start)), duration: nanos(duration) });

/** web → (auth, pay → db): db failed, and is on the path. Given out of order. */
const SHOP = {
  spans: [
    span("d", "c", "db", "query", 30, 60, { kind: "client", error: true, events: [nanos(T0 + 40n)] }),
    span("a", null, "web", "GET /", 0, 100, { kind: "server" }),
    span("c", "a", "pay", "charge", 20, 75, { error: true }),
    span("b", "a", "auth", "check", 5, 10),
  ],
  logs: [log("early", "c", 25), log("late", "c", 93), log("lost", "zz", 50)],
  path: [segment("a", 0, 20), segment("c", 20, 10), segment("d", 30, 60), segment("c", 90, 5), segment("a", 95, 5)],
};
const options = (tree: ReturnType<typeof buildTree>, more = {}) => ({ folds: initialFolds(tree), alike: alikeOf(tree), logs: true, expected: [], rowHeight: 28, logHeight: 24, ...more });
const ids = (tree: ReturnType<typeof buildTree>, rows: ReturnType<typeof rowsOf>) =>
  Array.from({ length: rows.count }, (_, row) => {
    const of = at(rows.of, row);
    return [tree.ids[of], tree.logs[of]?.id, `${of}…`, "expected"][at(rows.kind, row)];
  });

describe("a tree", () => {
  const tree = buildTree(SHOP);
  it("puts parents before children and siblings by start", () => {
    expect(tree.ids).toEqual(["a", "b", "c", "d"]);
    expect([...tree.parent]).toEqual([-1, 0, 0, 2]);
    expect([...tree.depth]).toEqual([0, 1, 1, 2]);
    expect([...tree.size]).toEqual([4, 1, 2, 1]);
    expect([[...tree.position], [...tree.siblings]]).toEqual([[1, 1, 2, 1], [1, 2, 2, 1]]);
    expect([serviceOf(tree, 3), nameOf(tree, 3), tree.width]).toEqual(["db", "query", 100]);
  });
  it("leaves a parent the time that no child covers, counted once where children overlap", () => {
    expect([...tree.self]).toEqual([15, 10, 15, 60]);
    const twice = buildTree({ spans: [span("a", null, "s", "p", 0, 100), span("b", "a", "s", "x", 10, 50), span("c", "a", "s", "x", 20, 60), span("d", "a", "s", "x", 90, 50)], logs: [], path: [] });
    expect(at(twice.self, 0)).toBe(100 - 70 - 10);
  });
  it("knows what failed below, and the path", () => {
    expect(has(tree, 0, FLAG.error)).toBe(false);
    expect(has(tree, 0, FLAG.errorBelow)).toBe(true);
    expect(has(tree, 1, FLAG.errorBelow | FLAG.path)).toBe(false);
    expect([at(tree.pathAt, 2), at(tree.pathAt, 3), at(tree.pathStart, 3), at(tree.pathEnd, 3)]).toEqual([2, 4, 90, 95]);
  });
  it("makes a parent of children whose own is not stored", () => {
    const torn = buildTree({ spans: [span("x", "gone", "s", "x", 50, 10), span("y", "gone", "s", "y", 40, 10)], logs: [], path: [] });
    expect(torn.ids).toEqual(["gone", "y", "x"]);
    expect([has(torn, 0, FLAG.absent), at(torn.source, 0), at(torn.start, 0), at(torn.duration, 0)]).toEqual([true, -1, 0, 20]);
  });
  it("shows every span of a circle of parents, and of a span that is its own parent", () => {
    const round = buildTree({ spans: [span("a", "b", "s", "a", 0, 1), span("b", "a", "s", "b", 1, 1), span("c", "c", "s", "c", 2, 1)], logs: [], path: [] });
    expect([...round.ids].sort()).toEqual(["a", "b", "c"]);
  });
  it("puts a server's span that shares its client's id below it", () => {
    const shared = buildTree({ spans: [span("a", null, "web", "call", 0, 10, { kind: "client" }), span("a", null, "pay", "serve", 1, 8, { kind: "server" }), span("b", "a", "pay", "work", 2, 3)], logs: [], path: [] });
    expect([...shared.parent].map((p, i) => [nameOf(shared, i), p])).toEqual([["call", -1], ["serve", 0], ["work", 1]]);
  });
  it("takes durations below zero as nothing, and says so", () => {
    const back = buildTree({ spans: [span("a", null, "s", "a", 10, -5)], logs: [], path: [] });
    expect([at(back.duration, 0), has(back, 0, FLAG.negative)]).toEqual([0, true]);
  });
  it("is empty without spans", () => expect(buildTree({ spans: [], logs: [log("x", null, 1)], path: [] }).ids).toEqual([]));
  it("takes a chain of 20 000 spans", () => {
    const chain = buildTree({ spans: Array.from({ length: 20_000 }, (_, i) => span(`s${i}`, i ? `s${i - 1}` : null, "s", "n", i, 10)), logs: [], path: [] });
    expect(at(chain.depth, 19_999)).toBe(19_999);
    expect(rowsOf(chain, { ...options(chain), folds: { folded: new Uint8Array(20_000), unfolded: new Set() } }).count).toBe(20_000);
  });
});

describe("rows", () => {
  const tree = buildTree(SHOP);
  it("put a log record at its time below its span; one without a span of this trace below the first", () => {
    const rows = rowsOf(tree, options(tree));
    expect(ids(tree, rows)).toEqual(["a", "b", "c", "early", "d", "late", "lost"]);
    expect(at(rows.top, rows.count)).toBe(4 * 28 + 3 * 24);
    expect([rowAt(rows, 0), rowAt(rows, 28), rowAt(rows, 83), rowAt(rows, 1e9)]).toEqual([0, 1, 2, 6]);
  });
  it("leave out log records, and what is folded", () => {
    const folded = Uint8Array.from([0, 0, 1, 0]);
    expect(ids(tree, rowsOf(tree, options(tree, { logs: false, folds: { folded, unfolded: new Set() } })))).toEqual(["a", "b", "c"]);
  });
  it("end a span with what is expected below it", () => {
    const expected = [{ parent: 2, service: "mail", name: "send", why: "" }];
    expect(ids(tree, rowsOf(tree, options(tree, { logs: false, expected })))).toEqual(["a", "b", "c", "d", "expected"]);
  });
  const many = (n: number, failed = -1) =>
    buildTree({ spans: [span("r", null, "s", "root", 0, 1000), ...Array.from({ length: n }, (_, i) => span(`p${i}`, "r", "s", "price", i, 3 + i, { error: i === failed }))], logs: [], path: [] });
  it("fold siblings alike into one, but none that failed", () => {
    const twelve = many(12);
    expect(alikeOf(twelve).get(1)).toEqual({ first: 1, end: 13, count: 12, shortest: 3, longest: 14, total: 102 });
    expect(rowsOf(twelve, options(twelve)).count).toBe(2);
    const failed = many(12, 5);
    expect([...alikeOf(failed).values()].map((run) => [run.first, run.count])).toEqual([[1, 5], [7, 6]]);
    expect(alikeOf(many(3)).size).toBe(0);
  });
  it("open what hides a span", () => {
    const twelve = many(12);
    const folds = reveal(twelve, { folded: new Uint8Array(13).fill(1), unfolded: new Set() }, alikeOf(twelve), 7);
    const rows = rowsOf(twelve, options(twelve, { folds }));
    expect([rows.count, rowOfSpan(rows, 7)]).toEqual([13, 7]);
  });
  it("of a large trace are those on the way to errors", () => {
    const spans = [span("r", null, "s", "root", 0, 1e6)];
    for (let i = 0; i < LARGE; i++) spans.push(span(`c${i}`, "r", "s", `n${i % 7}`, i, 2), span(`g${i}`, `c${i}`, "s", "leaf", i, 1, { error: i === 1500 }));
    const large = buildTree({ spans, logs: [], path: [] });
    const rows = rowsOf(large, options(large));
    const shown = ids(large, rows);
    expect(shown).toContain("g1500");
    expect(shown).not.toContain("g1499");
  });
});

describe("facts", () => {
  const tree = buildTree(SHOP);
  it("begin at the deepest failure on the path", () => expect(firstToSee(tree)).toBe(3));
  it("begin at the first span when nothing failed", () => expect(firstToSee(buildTree({ ...SHOP, spans: SHOP.spans.map((s) => ({ ...s, error: false })) }))).toBe(0));
  it("give each moment of the path to one service", () =>
    expect(ownersOf(tree)).toEqual([{ service: "db", time: 60, share: 0.6 }, { service: "web", time: 25, share: 0.25 }, { service: "pay", time: 15, share: 0.15 }]));
  it("find by every word of service, name, or id", () => {
    expect(find(tree, "PAY cha")).toEqual([2]);
    expect(find(tree, "zzz")).toEqual([]);
    expect(find(tree, "  ")).toEqual([]);
  });
  it("sum up operations", () => expect(operationsOf(tree).map((o) => [o.name, o.spans, o.errors, o.self, o.path])).toEqual([["query", 1, 1, 60, 60], ["GET /", 1, 0, 15, 25], ["charge", 1, 1, 15, 15], ["check", 1, 0, 10, 0]]));
  it("bound an offset by the calls it must fit into", () => {
    const off = buildTree({ spans: [span("a", null, "web", "call", 0, 100), span("b", "a", "pay", "serve", -20, 60)], logs: [], path: [] });
    expect(clockBound(off, "pay")).toEqual({ low: 20, high: 60 });
    expect(clockBound(off, "web")).toBeNull();
  });
  it("say how long a trace is by corrected clocks, and how far that may be wrong", () => {
    const tree = buildTree({ spans: [span("a", null, "web", "call", 0, 100), span("b", "a", "pay", "serve", 3020, 60), span("c", "b", "pay", "later", 3090, 30)], logs: [], path: [] });
    const clocks = clocksOf(tree, [{ service: "pay", offset: -3000n }]);
    expect(clocks.get("pay")).toEqual({ service: "pay", offset: -3000, bound: 20 });
    expect(tree.width).toBe(3120);
    expect(correctedExtent(tree, clocks)).toEqual({ from: 0, to: 120, bound: 20 });
    expect(correctedExtent(tree, new Map([["pay", { service: "pay", offset: -3050, bound: 10 }]]))).toEqual({ from: -30, to: 100, bound: 10 });
    expect(correctedExtent(tree, clocksOf(tree, [{ service: "web", offset: 5n }])).bound).toBeNull();
  });
});
