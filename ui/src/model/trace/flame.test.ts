import { describe, expect, it } from "vitest";
import { boxesOf } from "./flame";

const nodes = [{ parent: null, total: 100, self: 20 }, { parent: 0, total: 60, self: 60 }, { parent: 0, total: 20, self: 5 }, { parent: 2, total: 15, self: 15 }];

describe("a flame graph", () => {
  it("gives each node its share below its parent", () =>
    expect(boxesOf(nodes, null)).toEqual([
      { node: 0, depth: 0, x: 0, width: 1 }, { node: 1, depth: 1, x: 0, width: 0.6 }, { node: 2, depth: 1, x: 0.6, width: 0.2 },
      { node: 3, depth: 2, x: 0.6, width: expect.closeTo(0.15) as number },
    ]));
  it("shows a focus as wide as all, with what it was called from", () =>
    expect(boxesOf(nodes, 2)).toEqual([{ node: 0, depth: 0, x: 0, width: 1 }, { node: 2, depth: 1, x: 0, width: 1 }, { node: 3, depth: 2, x: 0, width: 0.75 }]));
  it("lets children that ran side by side share their parent's width", () => {
    const side = boxesOf([{ parent: null, total: 100, self: 0 }, { parent: 0, total: 100, self: 100 }, { parent: 0, total: 100, self: 100 }], null);
    expect(side.slice(1).map((box) => [box.x, box.width])).toEqual([[0, 0.5], [0.5, 0.5]]);
  });
});
