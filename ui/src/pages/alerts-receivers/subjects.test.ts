import { expect, it } from "vitest";
import { subjectsOf } from "./subjects";

const of = (body: string, group_key = '{}:{alertname="SLOBurnRate", slo="checkout"}') => ({ body, group_key });

it("names the alerts of a message, and where each opens", () => {
  const webhook = JSON.stringify({ alerts: [{ fingerprint: "a1", annotations: { summary: "checkout burns" }, labels: { alertname: "SLOBurnRate" } }, { fingerprint: "b2", labels: { alertname: "DiskFull" } }] });
  expect(subjectsOf(of(webhook), [])).toEqual([{ fingerprint: "a1", name: "checkout burns" }, { fingerprint: "b2", name: "DiskFull" }]);
});

it("finds alerts it knows in a message that is a text, else names the group", () => {
  const known = [{ fingerprint: "a1b2", summary: "checkout burns" }, { fingerprint: "ffff", summary: "another" }];
  expect(subjectsOf(of("see /alerts/a1b2"), known)).toEqual([{ fingerprint: "a1b2", name: "checkout burns" }]);
  expect(subjectsOf(of("no word of it"), known)).toEqual([{ fingerprint: null, name: 'alertname="SLOBurnRate", slo="checkout"' }]);
  expect(subjectsOf(of("", "{}:{}"), [])).toEqual([{ fingerprint: null, name: "all alerts of the route" }]);
});
