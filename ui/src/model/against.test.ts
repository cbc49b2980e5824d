import { expect, it } from "vitest";
import { backBy, type Compared, earlier, withEarlier } from "./against";
import { nanos } from "./time";

const S = 1_000_000_000n;
const range = { from: nanos(1_000_000n * S), to: nanos(1_003_600n * S) };

it("goes back by the range's own length, a day, or a week", () => {
  expect([backBy(range, "previous"), backBy(range, "day"), backBy(range, "week"), backBy(range, "off")]).toEqual([3600n * S, 86_400n * S, 604_800n * S, null]);
  expect(earlier(range, nanos(3600n * S))).toEqual({ from: 996_400n * S, to: 1_000_000n * S });
});

it("puts each line's earlier self behind it, and leaves out what was not there then", () => {
  const lines = [{ name: "p50", values: [1, 2], token: "--c5" }, { name: "p99", values: [3, 4], token: "--c3" }];
  const both = withEarlier(lines, [{ name: "p99", values: [5, null] }, { name: "p10", values: [0, 0] }], "day");
  expect(both.map((line) => line.name)).toEqual(["p50", "p99", "p99, day before"]);
  expect(both[2]).toEqual({ name: "p99, day before", values: [5, null], token: "--c3", faint: true, area: false });
  expect(withEarlier(lines, null, "day")).toEqual(lines);
  expect(withEarlier(lines, [{ name: "p50", values: [] }], "off")).toEqual(lines);
});

it("keeps the area of a single line", () => {
  expect(withEarlier<Compared>([{ name: "a", values: [1] }], [{ name: "a", values: [2] }], "previous").map((line) => line.area)).toEqual([true, false]);
});
