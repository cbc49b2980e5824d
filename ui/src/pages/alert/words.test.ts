import { expect, it } from "vitest";
import { overSentence } from "./words";

it("speaks of what is over in the past, with its times", () => {
  expect(overSentence("payment burns its error budget (objective 99%)", "09:58", "10:07")).toBe("payment burned its error budget (objective 99%), from 09:58 to 10:07");
  expect(overSentence("payment will have spent its error budget within a day", null, "10:07")).toBe("payment would have spent its error budget within a day until 10:07");
  expect(overSentence("The disk is nearly full.", "09:58", null)).toBe("The disk was nearly full");
});
