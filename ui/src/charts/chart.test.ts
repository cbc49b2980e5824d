import { describe, expect, it } from "vitest";
import { nanos } from "@/model/time";
import { extentOf, summaryOf } from "./summary";

describe("a chart's summary", () => {
  it("says range, lines and marks", () => {
    const at = (s: bigint) => nanos(s * 1_000_000_000n);
    const line = { name: "payments", values: [0.0005, null, 0.03] };
    const words = summaryOf("Errors", [line], [at(0n), at(60n), at(120n)], "ratio", [{ at: at(60n), kind: "deploy", label: "payments 2.14.0" }], "UTC");
    expect(words.replaceAll("\u202f", " ")).toBe("Errors, 00:00 to 00:02. payments: 0.05 % to 3.00 %, last 3.00 %; payments 2.14.0 at 00:01.");
  });
  it("knows lines without values", () => expect(extentOf([null, NaN])).toEqual({ last: null, max: null, min: null }));
});
