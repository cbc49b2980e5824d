import { expect, it } from "vitest";
import { nanos } from "@/model/time";
import { sentenceOf } from "./sentence";

const minute = (n: number) => nanos(1_800_000_000_000_000_000n + BigInt(n) * 60_000_000_000n);
const errors = (until: number | null) => ({ at: minute(2), until: until === null ? null : minute(until), step: { index: 2, before: 0, after: 0.45, p: 1e-9, end: until } });
const doing = { service: "checkout", perSecond: 3, errorRatio: 0.05, p99: 1e7, silentSince: null };

it("says what fails since when, and what failed until when", () => {
  expect(sentenceOf({ ...doing, worsened: { errors: errors(null), p99: null } }, minute(60), "UTC")).toBe("checkout fails 45.00\u202f% of its requests since 08:02");
  expect(sentenceOf({ ...doing, worsened: { errors: errors(9), p99: null } }, minute(60), "UTC")).toBe("checkout failed 45.00\u202f% of its requests from 08:02 to 08:09");
});
