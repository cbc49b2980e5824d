import { describe, expect, it } from "vitest";
import { risenAt, wilson } from "./statistics";

describe("wilson", () => {
  it("is the published interval", () => {
    const [low, high] = wilson(1057, 1484);
    expect(low).toBeCloseTo(0.6887, 3);
    expect(high).toBeCloseTo(0.7347, 3);
  });
  it("stays within what a share can be", () => {
    expect(wilson(0, 10)[0]).toBe(0);
    expect(wilson(10, 10)[1]).toBe(1);
    expect(wilson(0, 0)).toEqual([0, 1]);
  });
});

describe("risenAt", () => {
  const calm = Array.from({ length: 60 }, () => ({ bad: 0, total: 100 }));
  const worse = Array.from({ length: 20 }, () => ({ bad: 3, total: 100 }));
  it("finds where it began", () => {
    expect(risenAt([...calm, ...worse])).toMatchObject({ index: 60, before: { bad: 0 }, after: { bad: 60, total: 2000 } });
  });
  it("sees no change in noise, in what became better, nor in silence", () => {
    expect(risenAt(calm.map((t, i) => ({ ...t, bad: i % 7 === 0 ? 1 : 0 })))).toBeNull();
    expect(risenAt([...worse, ...calm])).toBeNull();
    expect(risenAt([])).toBeNull();
    expect(risenAt(calm.map(() => ({ bad: 0, total: 0 })))).toBeNull();
  });
});
