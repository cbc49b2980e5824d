import { expect, it } from "vitest";
import { headlineOf } from "./headline";

it("says of how many traces it speaks, and that older ones were left out", () => {
  expect(headlineOf(500, 31, true)).toBe("Of the newest 500 traces 31 have failed spans");
  expect(headlineOf(500, 1, false)).toBe("Of 500 traces 1 has failed spans");
  expect(headlineOf(1, 0, false)).toBe("Of 1 trace none has a failed span");
  expect(headlineOf(0, 0, false)).toBe("No trace matches");
});
