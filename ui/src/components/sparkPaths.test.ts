import { expect, it } from "vitest";
import { sparkPaths } from "./sparkPaths";

it("draws one line from edge to edge", () => expect(sparkPaths([0, 1, 0], 10, 24, 0).line).toBe("M0 22L5 2L10 22"));
it("never joins over a gap", () => {
  const { line, gaps } = sparkPaths([1, null, null, 1, 1], 40, 24, 0);
  expect(line).toBe("M0 2M30 2L40 2");
  expect(gaps).toEqual([[10, 30]]);
});
it("draws nothing of nothing", () => expect(sparkPaths([], 10, 24, 0)).toEqual({ line: "", area: "", gaps: [] }));
it("draws zeros at the axis", () => expect(sparkPaths([0, 0], 10, 24, 0).line).toBe("M0 22L10 22"));
