import { expect, it } from "vitest";
import { drawnText, headlineOf } from "./headline";

it("says of how many traces it speaks, and that older ones were left out", () => {
  expect(headlineOf(500, 31, true)).toBe("Of the newest 500 traces 31 have failed spans");
  expect(headlineOf(500, 1, false)).toBe("Of 500 traces 1 has failed spans");
  expect(headlineOf(1, 0, false)).toBe("Of 1 trace none has a failed span");
  expect(headlineOf(0, 0, false)).toBe("No trace matches");
});

it("says that it speaks of a selection", () => {
  expect(headlineOf(57, 2, false, true)).toBe("Of 57 selected traces 2 have failed spans");
  expect(headlineOf(500, 0, true, true)).toBe("Of the newest 500 selected traces none has a failed span");
  expect(headlineOf(0, 0, false, true)).toBe("No trace lies in the selection");
});

it("says of how many spans the points are", () => {
  const spans = "spans that match";
  expect(drawnText(312, 312, false)).toBe(`a point for each of the 312 ${spans}`);
  expect(drawnText(1, 1, false)).toBe("one span matches");
  expect(drawnText(500, 12_345, true)).toBe(`only the newest 500 of 12\u202f345 ${spans}`);
  expect(drawnText(500, null, true)).toBe(`only the newest 500 of more ${spans}`);
  expect(drawnText(500, 812, false)).toBe(`500 of 812 ${spans}, the first few of each trace`);
});
