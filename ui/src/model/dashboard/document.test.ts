import { describe, expect, it } from "vitest";
import { type Dashboard, dashboardText, freeId, parseDashboard, readDashboard, writeDashboard } from "./document";
import { begin, edited, isChanged, redone, undone } from "./history";
import { choosesSlo } from "./slo";

const read = (value: unknown): Dashboard => {
  const found = readDashboard(value);
  if (!found.ok) throw new Error(found.problems.join());
  return found.dashboard;
};
const problems = (value: unknown) => {
  const found = readDashboard(value);
  return found.ok ? [] : found.problems;
};
const board = (title: string) => read({ title, panels: [{ id: "a", kind: "stat" }] });

describe("a document", () => {
  it("gets what it leaves out", () => expect(board(" t ").panels[0]).toMatchObject({ x: 0, y: 0, w: 6, h: 8, queries: [], title: "" }));
  it("keeps what it does not know", () => expect(writeDashboard(read({ title: "t", owner: "me", panels: [{ id: "a", kind: "globe", spin: 3 }] }))).toMatchObject({ owner: "me", panels: [{ id: "a", kind: "globe", spin: 3 }] }));
  it("is written and read without a loss", () => {
    const one = read({ title: "t", tags: ["x"], variables: [{ name: "v", kind: "list", values: ["1"] }], panels: [{ id: "a", kind: "stat", title: "A", queries: [{ language: "sql", query: "SELECT 1" }] }] });
    const again = parseDashboard(dashboardText(one));
    expect(again.ok && again.dashboard).toEqual(one);
  });
  it("says what is wrong, and where", () => {
    expect(problems({ title: "", panels: [] })[0]).toMatch(/^title: /);
    expect(problems({ title: "t", panels: [{ id: "a", kind: "stat", queries: [{ language: "cobol", query: "" }] }] })[0]).toMatch(/^panels\.0\.queries\.0\.language: /);
    expect(problems({ title: "t", panels: [{ id: "a", kind: "stat" }, { id: "a", kind: "stat" }] })).toEqual(["panels: the id a is there twice"]);
    expect(problems({ title: "t", panels: [{ id: "a", kind: "stat", x: 8, w: 6 }] })).toEqual(["panels: a reaches beyond the twelve columns"]);
    expect(problems({ title: "t", panels: [], variables: [{ name: "step", kind: "text" }] })).toEqual(["variables: $step is the dashboard’s own"]);
    expect(parseDashboard("{")).toMatchObject({ ok: false });
  });
  it("finds ids that are free", () => expect([freeId(board("t").panels, "A"), freeId([], "Requests / s!"), freeId([], "…")]).toEqual(["a-2", "requests-s", "panel"]));
});

describe("edits", () => {
  const first = begin(board("one"));
  const second = edited(first, board("two"), "change the title");
  it("are undone and done again", () => {
    expect(undone(second).now.title).toBe("one");
    expect(redone(undone(second)).now.title).toBe("two");
    expect(undone(first)).toBe(first);
  });
  it("of one field in a row are one", () => {
    const typed = edited(edited(first, board("tw"), "title", true), board("two"), "title", true);
    expect([typed.past.length, undone(typed).now.title]).toEqual([1, "one"]);
  });
  it("that change nothing are none", () => expect(edited(first, board("one"), "x")).toBe(first));
  it("are unsaved until they are undone", () => expect([isChanged(first), isChanged(second), isChanged(undone(second))]).toEqual([false, true, false]));
  it("after an undo leave no way forward", () => expect(edited(undone(second), board("three"), "x").future).toEqual([]));
});

describe("SLOs of a panel", () => {
  const slo = { name: "checkout-availability", service: "checkout" };
  it("are all, by name, by service, or by variable", () => {
    expect(choosesSlo("", new Map())(slo)).toBe(true);
    expect(choosesSlo("checkout-availability", new Map())(slo)).toBe(true);
    expect(choosesSlo("cart, $s", new Map([["s", { all: false as const, values: ["checkout"] }]]))(slo)).toBe(true);
    expect(choosesSlo("$s", new Map([["s", { all: true as const }]]))(slo)).toBe(true);
    expect(choosesSlo("cart", new Map())(slo)).toBe(false);
  });
});
