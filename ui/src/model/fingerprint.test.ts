import { expect, it } from "vitest";
import { fingerprint } from "./fingerprint";

it("is what Alertmanager sends", () => {
  const labels = { severity: "page", alertname: "Immediate", cluster: "c1", instance: "a:1", job: "api", team: "x-api" };
  expect(fingerprint(labels)).toBe("9b84fff86acf2d49");
});
