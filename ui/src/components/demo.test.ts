import { expect, it } from "vitest";
import { isOfDemo } from "@/api/demo";
import { faultName, faultState, isPlanned } from "./demo";

it("knows the demo by the file that watches its shop", () => {
  expect(isOfDemo([{ file: "/var/lib/binnacle/demo/slos/shop.yaml" }])).toBe(true);
  expect(isOfDemo([{ file: "/etc/binnacle/slos/shop.yaml" }, { file: null }, {}])).toBe(false);
  expect(isOfDemo([])).toBe(false);
});

it("says how a fault stands", () => {
  const say = (is_on: boolean, starts_in_ms: number | null, ends_in_ms: number | null) => faultState({ is_on, starts_in_ms, ends_in_ms }).replaceAll("\u202f", " ");
  expect(say(true, null, 250_400)).toBe("on, ends in 4 min 10 s");
  expect(say(true, null, null)).toBe("on, until it is ended");
  expect(say(false, 30_000, 330_000)).toBe("begins in 30.0 s");
  expect(say(false, null, null)).toBe("");
  expect([isPlanned({ is_on: false, starts_in_ms: 0 }), isPlanned({ is_on: false, starts_in_ms: null })]).toEqual([true, false]);
  expect(faultName("expired-certificate")).toBe("Expired certificate");
});
