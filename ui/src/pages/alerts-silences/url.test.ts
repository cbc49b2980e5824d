import { expect, it } from "vitest";
import { BLANK, labelsOf } from "./url";

const alerts = [{ fingerprint: "ab12", labels: { alertname: "Slow", service: "checkout" } }];

it("fills a silence with what its link names", () => {
  expect(labelsOf({ alert: "ab12", new: "" }, alerts)).toEqual(alerts[0]?.labels);
  expect(labelsOf({ alert: "gone", new: "" }, alerts)).toBeNull();
  expect(labelsOf({ alert: "", new: 'service="check\\"out", severity="page"' }, alerts)).toEqual({ ...BLANK, service: 'check"out', severity: "page" });
  expect(labelsOf({ alert: "", new: "" }, alerts)).toBeNull();
});
