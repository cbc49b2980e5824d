import { expect, it } from "vitest";
import { nanos } from "./time";
import { deploysOf, marksOf, type Sighting, versionsOf } from "./versions";

const minute = (n: number) => nanos(BigInt(n) * 60_000_000_000n);
const seen = (service: string, version: string | null, instance: string, first: number, last: number): Sighting => ({ service, version, instance, first: minute(first), last: minute(last) });

const PAYMENTS = [
  ...[0, 1, 2, 3, 4, 5].map((i) => seen("payments", "2.13.4", `p${i}`, 0, i < 2 ? 29 : 60)),
  ...[0, 1].map((i) => seen("payments", "2.14.0", `p${i}`, 29 + i, 60)),
];

it("tells a canary: 2 of 6 instances", () => {
  const versions = versionsOf(PAYMENTS);
  const payments = versions.get("payments");
  expect(payments?.current).toEqual({ version: "2.14.0", first: minute(29), last: minute(60), instances: 2 });
  expect(payments?.instances).toBe(6);
  expect(deploysOf(versions, minute(1), minute(60))).toEqual([{ service: "payments", at: minute(29), from: "2.13.4", to: "2.14.0", instances: 2, all: 6 }]);
  expect(deploysOf(versions, minute(30), minute(60))).toEqual([]);
});

it("knows services that name no version, and the first version of all as no deploy", () => {
  const versions = versionsOf([seen("cdn", null, "c", 0, 60), seen("cart", "1.0", "a", 5, 60)]);
  expect(versions.get("cdn")?.current).toBeNull();
  expect(deploysOf(versions, minute(0), minute(60))).toEqual([]);
});

it("marks deploys of the services that are looked at, with their names where there are several", () => {
  const deploy = (service: string, to: string) => ({ service, at: nanos(1), from: "1", to, instances: 1, all: 1 });
  const all = [deploy("cart", "2.0"), deploy("payments", "3.0")];
  expect(marksOf(all, []).map((mark) => mark.label)).toEqual(["cart 2.0", "payments 3.0"]);
  expect(marksOf(all, ["cart"]).map((mark) => mark.label)).toEqual(["2.0"]);
  expect(marksOf(all, ["cart", "payments"])).toHaveLength(2);
});
