import { expect, it } from "vitest";
import { nanos } from "@/model/time";
import { effectSql, parseInstant, seenSql } from "./runs";

const window = { from: nanos(100), to: nanos(150) };

it("reads times to the nanosecond", () => {
  expect(parseInstant("2026-11-23T02:12:00.123456789Z")).toBe(1795399920123456789n);
  expect(parseInstant("2026-11-23T03:12:00+01:00")).toBe(1795399920000000000n);
  expect(parseInstant("1795399920000000001")).toBe(1795399920000000001n);
  expect(parseInstant("yesterday")).toBeNull();
});

it("asks for the operations that a run names, else for its services, else for nothing", () => {
  const operations = [{ name: "buy", service: "gate'way", span_name: "POST /checkout", requests: 1, errors: 0 }, { name: "unnamed", requests: 1, errors: 0 }];
  expect(seenSql({ services: ["gateway"], operations }, window)).toContain("((service = 'gate''way' AND name = 'POST /checkout'))");
  expect(seenSql({ services: ["a", "b"], operations: [] }, window)).toContain("(service IN ('a', 'b'))");
  expect(seenSql({ services: [], operations: [] }, window)).toBeNull();
});

it("compares what SLOs counted with as long a time before", () => {
  expect(effectSql(window)).toContain("slice >= to_timestamp_nanos(50) AND slice < to_timestamp_nanos(100)");
});
