import { expect, it } from "vitest";
import { nanos } from "@/model/time";
import { countOf, firingsOf } from "./rows";

const at = (until: number, level: string, severity = "page", long = "1h") => ({ kind: "burn_rate", severity, long_window: long, short_window: "5m", until: nanos(until), level });

it("tells each time an alert fired, also what fires at the end", () => {
  const firings = firingsOf([at(30, "inactive"), at(10, "firing"), at(12, "firing", "ticket", "3d"), at(40, "firing"), at(11, "firing")]);
  expect(firings).toEqual([
    { severity: "page", tier: "1h/5m", from: 10n, to: 30n },
    { severity: "ticket", tier: "3d/5m", from: 12n, to: null },
    { severity: "page", tier: "1h/5m", from: 40n, to: null },
  ]);
  expect([countOf(firings, "page"), countOf(firings, "ticket")]).toEqual([2, 1]);
});
