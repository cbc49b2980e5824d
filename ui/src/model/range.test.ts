import { describe, expect, it } from "vitest";
import { describeRange, parseRange, parseSpan, resolveRange, shift, stepFor, zoom } from "./range";
import { fromMs, nanos, toIso } from "./time";

const now = fromMs(Date.parse("2026-11-22T03:12:00Z"));

describe("spans", () => {
  it.each([["90m", 5_400n], ["1h30m", 5_400n], ["2 d", 172_800n], ["1.5h", 5_400n], ["10min", 600n]])("%s", (text, seconds) =>
    expect(parseSpan(text)).toBe(seconds * 1_000_000_000n));
  it.each(["", "90", "m", "-5m", "0s", "five"])("%s is none", (text) => expect(parseSpan(text)).toBeNull());
});

describe("typed ranges", () => {
  it.each([
    ["90m", "now-90m", "now"],
    ["last 2 h", "now-2h", "now"],
    ["yesterday 14:00 to 15:30", "2026-11-21T14:00:00.000Z", "2026-11-21T15:30:00.000Z"],
    ["02:00 - 03:00", "2026-11-22T02:00:00.000Z", "2026-11-22T03:00:00.000Z"],
    ["2026-11-22T02:31Z", "2026-11-22T02:26:00.000Z", "2026-11-22T02:36:00.000Z"],
    ["2026-11-22 02:31:04.120 ERROR payments refused", "2026-11-22T02:26:04.120Z", "2026-11-22T02:36:04.120Z"],
    ["2026-11-21T10:00Z/2026-11-21T11:00Z", "2026-11-21T10:00:00.000Z", "2026-11-21T11:00:00.000Z"],
    ["yesterday", "2026-11-21T00:00:00.000Z", "2026-11-22T00:00:00.000Z"],
    ["today", "2026-11-22T00:00:00.000Z", "now"],
    ["02:00 to now", "2026-11-22T02:00:00.000Z", "now"],
    ["1795312800", "2026-11-22T01:55:00.000Z", "2026-11-22T02:05:00.000Z"],
  ])("%s", (typed, from, to) => expect(parseRange(typed, now, "UTC")).toEqual({ from, to }));
  it.each(["", "soon", "03:00 - 02:00", "checkout"])("%s is none", (typed) => expect(parseRange(typed, now, "UTC")).toBeNull());
});

describe("resolved ranges", () => {
  const range = resolveRange({ from: "now-1h", to: "now" }, now)!;
  it("resolves", () => expect([toIso(range.from), toIso(range.to)]).toEqual(["2026-11-22T02:12:00.000Z", "2026-11-22T03:12:00.000Z"]));
  it("refuses an empty one", () => expect(resolveRange({ from: "now", to: "now-1h" }, now)).toBeNull());
  it("moves", () => expect(toIso(shift(range, -0.5).from)).toBe("2026-11-22T01:42:00.000Z"));
  it("zooms in around the middle", () => expect(toIso(zoom(range, 0.5, now).from)).toBe("2026-11-22T02:27:00.000Z"));
  it("zooms out, not into the future", () => expect(toIso(zoom(range, 2, now).to)).toBe("2026-11-22T03:12:00.000Z"));
  it("has round steps", () => expect(stepFor(range)).toBe(nanos(15_000_000_000n)));
});

describe("descriptions", () => {
  it.each([
    [{ from: "now-1h", to: "now" }, "Last 1 h"],
    [{ from: "now-90m", to: "now" }, "Last 90m"],
    [{ from: "2026-11-22T02:12:00Z", to: "2026-11-22T03:12:00Z" }, "02:12 – 03:12"],
    [{ from: "2026-11-21T14:00:00Z", to: "2026-11-21T15:30:00Z" }, "21 Nov 14:00 – 15:30"],
    [{ from: "2026-11-21T14:00:00Z", to: "2026-11-22T03:00:00Z" }, "21 Nov 14:00 – 22 Nov 03:00"],
  ])("%j", (text, words) => expect(describeRange(text, now, "UTC")).toBe(words));
});
