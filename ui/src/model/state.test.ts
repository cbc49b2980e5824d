import { expect, it } from "vitest";
import { alertWord, alertTone, budgetTone, burnWord, severityName } from "./state";

it.each([[true, true, "critical"], [false, true, "increasing"], [true, false, "recovering"], [false, false, "acceptable"]] as const)(
  "long over %s, short over %s is %s",
  (long, short, word) => expect(burnWord(long, short)).toBe(word),
);
it.each([
  [0.9, null, false, "good"], [0.5, null, false, "good"], [0.49, null, false, "warn"], [0.9, "ticket", false, "warn"],
  [0.9, "page", false, "bad"], [0, null, false, "bad"], [-1, null, false, "bad"], [0.9, "page", true, "hold"], [null, null, false, "hold"],
] as const)("budget %s, firing %s, held %s is %s", (left, firing, held, tone) => expect(budgetTone(left, firing, held)).toBe(tone));
it("never shows what is held as good", () => expect(alertTone("held", "page")).toBe("hold"));
it.each([[0, null], [1, "trace"], [9, "info"], [13, "warn"], [17, "error"], [24, "fatal"], [25, null]])("severity %s is %s", (n, name) =>
  expect(severityName(n)).toBe(name));

it("has one word for each state of an alert, whoever names it", () => {
  expect(["firing", "pending", "held", "resolved", "inactive"].map(alertWord)).toEqual(["firing", "pending", "held", "resolved", "resolved"]);
  expect(alertWord("no_data")).toBe("no data");
});
