import { describe, expect, it } from "vitest";
import { readDashboard } from "./document";
import { type Box, collides, compact, fit, freePlace, heightOf, moved, stepped } from "./layout";

const panels = (boxes: Record<string, [number, number, number, number]>) => {
  const read = readDashboard({ title: "t", panels: Object.entries(boxes).map(([id, [x, y, w, h]]) => ({ id, kind: "text", x, y, w, h })) });
  if (!read.ok) throw new Error(read.problems.join());
  return read.dashboard.panels;
};
const places = (all: readonly (Box & { id: string })[]) => Object.fromEntries(all.map(({ id, x, y, w, h }) => [id, [x, y, w, h]]));

it("a panel's height has the gaps between its rows", () => expect([heightOf(1), heightOf(3)]).toEqual([28, 108]));
it("a box stays within the columns", () => expect(fit({ x: 11, y: -2, w: 20, h: 1 })).toEqual({ x: 0, y: 0, w: 12, h: 2 }));
it("panels fall up", () => expect(places(compact(panels({ a: [0, 5, 6, 4], b: [6, 9, 6, 4], c: [0, 20, 12, 2] })))).toEqual({ a: [0, 0, 6, 4], b: [6, 0, 6, 4], c: [0, 4, 12, 2] }));

describe("a panel that is moved", () => {
  const all = panels({ a: [0, 0, 6, 4], b: [6, 0, 6, 4], c: [0, 4, 12, 4] });
  it("makes the others give way", () => expect(places(moved(all, "c", { y: 0 }))).toEqual({ a: [0, 4, 6, 4], b: [6, 4, 6, 4], c: [0, 0, 12, 4] }));
  it("never overlaps, wherever it goes", () => {
    for (let x = 0; x < 12; x++) for (let y = 0; y < 9; y++) {
      const next = moved(all, "b", { x, y });
      for (const one of next) for (const other of next) expect(one.id !== other.id && collides(one, other)).toBe(false);
    }
  });
  it("grows over its neighbours' places", () => expect(places(moved(all, "a", { w: 8 }))).toEqual({ a: [0, 0, 8, 4], b: [6, 4, 6, 4], c: [0, 8, 12, 4] }));
});

describe("a step by key", () => {
  const all = panels({ a: [0, 0, 6, 4], b: [0, 4, 6, 4], c: [0, 8, 6, 4] });
  it("down passes the next one", () => expect(places(stepped(all, "a", "down"))).toEqual({ b: [0, 0, 6, 4], a: [0, 4, 6, 4], c: [0, 8, 6, 4] }));
  it("up passes the one above", () => expect(places(stepped(all, "c", "up"))).toEqual({ a: [0, 0, 6, 4], c: [0, 4, 6, 4], b: [0, 8, 6, 4] }));
  it("at the edge it stays", () => {
    expect(places(stepped(all, "a", "up"))).toEqual(places(all));
    expect(places(stepped(all, "c", "down"))).toEqual(places(all));
    expect(stepped(all, "a", "left").find((one) => one.id === "a")?.x).toBe(0);
  });
});

it("a new panel takes the first free place", () => expect(freePlace(panels({ a: [0, 0, 6, 4], b: [8, 0, 4, 8] }), 6, 4)).toEqual({ x: 0, y: 4, w: 6, h: 4 }));
