import { describe, expect, it } from "vitest";
import { nanos } from "./time";
import * as units from "./units";

/** Thin spaces read badly in a test. */
const plain = (text: string) => text.replaceAll(units.THIN, " ");

describe("durations", () => {
  it.each([
    [0n, "0"], [1n, "1 ns"], [999n, "999 ns"], [1_500n, "1.50 µs"], [9_800_000n, "9.80 ms"], [388_000_000n, "388 ms"],
    [3_210_000_000n, "3.21 s"], [59_940_000_000n, "59.9 s"], [60_000_000_000n, "1 min"], [61_000_000_000n, "1 min 1 s"],
    [22_380_000_000_000n, "6 h 13 min"], [21_605_000_000_000n, "6 h"], [183_600_000_000_000n, "2 d 3 h"], [-9_800_000n, "−9.80 ms"],
  ])("%s ns is %s", (span, text) => expect(plain(units.duration(nanos(span)))).toBe(text));
});

describe("counts", () => {
  it.each([[0, "0"], [7, "7"], [1_240, "1 240"], [99_999, "99 999"], [124_000, "124k"], [49_962_310, "50.0M"], [1.5, "1.50"]])(
    "%s is %s",
    (value, text) => expect(plain(units.count(value))).toBe(text),
  );
  it("groups exactly", () => expect(plain(units.group(49_962_310))).toBe("49 962 310"));
  it("groups what no number holds", () => expect(plain(units.group(-12_345_678_901_234_567_890n))).toBe("−12 345 678 901 234 567 890"));
});

describe("rates and ratios", () => {
  it.each([[19.8, "19.8"], [311, "311"], [1_240, "1.24k"], [999.9, "1.00k"], [0.0421, "0.0421"]])("%s/s is %s", (value, text) =>
    expect(plain(units.rate(value))).toBe(text));
  it.each([[0, "0"], [0.0213, "2.13 %"], [0.00009, "< 0.01 %"], [1, "100.00 %"]])("%s is %s", (value, text) =>
    expect(plain(units.ratio(value))).toBe(text));
});

describe("objectives", () => {
  it("rounds an SLI towards bad", () => expect(plain(units.sli(49_921_541n, 49_962_310n, 0.999))).toBe("99.918 %"));
  it("never shows a goal as met that is not", () => expect(plain(units.sli(9_989_999n, 10_000_000n, 0.999))).toBe("99.899 %"));
  it("shows all good as 100", () => expect(plain(units.sli(5n, 5n, 0.999))).toBe("100.000 %"));
  it("shows no good at all", () => expect(plain(units.sli(0n, 5n, 0.9))).toBe("0.000 %"));
  it("knows no data", () => expect(units.sli(0n, 0n, 0.999)).toBe("no data"));
  it("signs a budget", () => expect(plain(units.budget(-0.042))).toBe("−4.2 %"));
  it("says a budget", () => expect(plain(units.budget(0.184))).toBe("18.4 %"));
  it("says a burn rate", () => expect(plain(units.burn(21.29))).toBe("21.3 ×"));
  it("says an objective", () => expect(plain(units.objective(0.9995))).toBe("99.95 %"));
});

describe("bytes", () => {
  it.each([[12, "12 B"], [61_000, "61.0 kB"], [1_240_000, "1.24 MB"]])("%s is %s", (value, text) => expect(plain(units.bytes(value))).toBe(text));
  it("counts memory in MiB", () => expect(plain(units.mebibytes(188 * 1_048_576))).toBe("188 MiB"));
});

it("tells apart what is absent", () => {
  expect(units.format(null, "rate")).toBe("no data");
  expect(units.format(0, "rate")).toBe("0");
});
