import { describe, expect, it } from "vitest";
import type { ToldAlert } from "@/api/alertmanager";
import { fingerprint } from "@/model/fingerprint";
import { nanos } from "@/model/time";
import { boardOf, pastOf } from "./board";
import { reasonOf, reasonWords } from "./reason";
import { matchersFor, matchesAll, matcherText, problemOf } from "./silence";

const at = (n: number) => nanos(BigInt(n) * 1_000_000_000n);
const told = (labels: Record<string, string>, more: Partial<ToldAlert> = {}): ToldAlert => ({
  fingerprint: fingerprint(labels), labels, annotations: { summary: "s" }, startsAt: at(5), endsAt: at(9), updatedAt: at(5), receivers: [{ name: "oncall" }], status: { state: "active", inhibitedBy: [], silencedBy: [] }, ...more,
});
const rule = (name: string, state: string, more: object = {}) => ({ name, state, labels: { alertname: name, severity: "page" }, annotations: {}, active_at: at(1), fired_at: state === "firing" ? at(2) : null, ...more });

describe("the board", () => {
  it("has told alerts and rules that wait once each, what fires first", () => {
    const both = rule("Both", "firing");
    const board = boardOf([told({ alertname: "Sent", severity: "ticket" }), told(both.labels)], [both, rule("Waits", "pending")], []);
    expect(board.map((one) => [one.name, one.state, one.source, one.receivers.length])).toEqual([["Both", "firing", "rule", 1], ["Sent", "firing", "sent", 1], ["Waits", "pending", "rule", 0]]);
  });
  it("says what is held", () => expect(boardOf([], [rule("Silent", "firing", { held_since: at(3) })], [])[0]).toMatchObject({ state: "held", heldSince: at(3) }));
  it("keeps what is over", () => {
    const change = (s: number, to_state: string) => ({ time: at(s), source: "rule", name: "A", group: "g", labels: { alertname: "A" }, annotations: {}, value: 1, from_state: "", to_state });
    const burn = (s: number, level: string) => ({ slo: "x", version: 1, objective: 0, kind: "burn_rate", severity: "page", long_window: "1h", short_window: "5m", at: at(s), until: at(s), level, reason: "" });
    expect(pastOf([change(9, "inactive"), change(4, "firing"), change(1, "pending")], [burn(30, "inactive"), burn(20, "firing"), burn(40, "firing")]).map((one) => [one.name, one.from, one.to])).toEqual([
      ["x: burn over 1h/5m", at(20), at(30)], ["A", at(4), at(9)],
    ]);
  });
});

describe("a silence", () => {
  const equal = { name: "severity", value: "page", isRegex: false, isEqual: true };
  it("hides what all its matchers match, patterns by the whole value", () => {
    expect(matchesAll([equal, { name: "service", value: "a|b", isRegex: true, isEqual: true }], { severity: "page", service: "b" })).toBe(true);
    expect(matchesAll([{ name: "service", value: "a", isRegex: true, isEqual: true }], { service: "ab" })).toBe(false);
    expect(matchesAll([{ name: "gone", value: "", isRegex: false, isEqual: true }], {})).toBe(true);
    expect(matchesAll([{ ...equal, isEqual: false }], { severity: "page" })).toBe(false);
    expect(matchesAll([{ name: "a", value: "(", isRegex: true, isEqual: true }], { a: "(" })).toBe(false);
  });
  it("is written as everywhere", () => expect([matcherText(equal), matcherText({ ...equal, isRegex: true, isEqual: false })]).toEqual(['severity="page"', 'severity!~"page"']));
  it("begins with what tells the alert", () => expect(matchersFor({ slo: "x", severity: "page" }).filter((one) => one.chosen).map((one) => one.matcher.name)).toEqual(["slo"]));
  it("says what is missing", () => {
    expect(problemOf([], 0n, 1n, "c", "me")).toContain("at least one");
    expect(problemOf([{ ...equal, value: "" }], 0n, 1n, "c", "me")).toContain("everything");
    expect(problemOf([{ ...equal, value: "(", isRegex: true }], 0n, 1n, "c", "me")).toContain("no pattern");
    expect(problemOf([equal], 1n, 1n, "c", "me")).toContain("end after");
    expect(problemOf([equal], 0n, 1n, "", "me")).toBe("Say why.");
    expect(problemOf([equal], 0n, 1n, "c", "me")).toBeNull();
  });
});

describe("a reason", () => {
  it("is figures again", () => {
    expect(reasonOf("burn rate 18.78 over 1h and 34.88 over 5m, told from 14.40 on; 132 of 3514 bad in 1h; 32.66 % of the budget is left, counted over 41280 events; data: measured")).toEqual({
      longBurn: 18.78, long: "1h", shortBurn: 34.88, short: "5m", threshold: 14.4, bad: 132n, total: 3514n, left: 0.3266, events: 41_280n, data: "measured",
    });
    expect(reasonOf("burn rate 1.00 over 1h and 1.00 over 5m, told from 1.00 on; 1 of 9 bad in 1h; -900.00 % of the budget is left; data: measured")).toMatchObject({ left: -9, events: null });
    expect(reasonOf("burn rate 1.00 over 1h and 1.00 over 5m, told from 1.00 on; 1 of 9 bad in 1h; 40.73 % of the budget is left, counted over 92957 events; data: measured")).toMatchObject({ left: 0.4073, events: 92_957n, data: "measured" });
    expect(reasonOf("spent in 5h at the present rate")).toBeNull();
  });
  it("is shown in the units of the pages, and left alone where it cannot be read", () => {
    expect(reasonWords("burn rate 18.78 over 1h and 134.88 over 5m, told from 14.40 on; 1320 of 3514 bad in 1h; -1701.13 % of the budget is left, counted over 92957 events; data: measured")).toBe(
      "burn rate 18.8\u202f× over 1\u202fh and 135\u202f× over 5\u202fmin, told from 14.4\u202f× on; 1\u202f320 of 3\u202f514 bad in 1\u202fh; \u22121701.1\u202f% of the budget is left, counted over 92\u202f957 events; data: measured",
    );
    expect(reasonWords("spent in 11h at the present rate; 47.92 % of the budget is left")).toBe("spent in 11h at the present rate; 47.9\u202f% of the budget is left");
    for (const text of ["", "nothing was measured since 02:53", "many % of the budget is left"]) expect(reasonWords(text)).toBe(text);
  });
});
