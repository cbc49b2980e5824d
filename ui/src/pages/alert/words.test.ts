import { expect, it } from "vitest";
import { nanos } from "@/model/time";
import { countedSoFar, overSentence } from "./words";

it("speaks of what is over in the past, with its times", () => {
  expect(overSentence("payment burns its error budget (objective 99%)", "09:58", "10:07")).toBe("payment burned its error budget (objective 99%), from 09:58 to 10:07");
  expect(overSentence("payment will have spent its error budget within a day", null, "10:07")).toBe("payment would have spent its error budget within a day until 10:07");
  expect(overSentence("The disk is nearly full.", "09:58", null)).toBe("The disk was nearly full");
});

it("says that a budget is of what is counted so far", () => {
  const counting = { is_counted: false, segments_done: 3, segments_all: 12, is_estimate: false, lost_segments: 0, watermark: nanos(0), settle_seconds: 3 };
  expect(countedSoFar({ counting })).toBe("of the history counted so far: 3 of 12 segments");
  expect(countedSoFar({ counting: { ...counting, is_counted: true } })).toBeNull();
  expect(countedSoFar(null)).toBeNull();
});
