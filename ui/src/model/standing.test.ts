import { expect, it } from "vitest";
import { standingsOf } from "./standing";
import { nanos } from "./time";

const tier = (severity: string, long_window: string, long: number) => ({ severity, long_window, long, threshold: 8 });
const of = (alert: { kind: string; severity: string; long_window: string | null }) => standingsOf([{
  name: "checkout", service: "gateway",
  objectives: [{ target: "99%", alerts: [{ ...alert, level: "firing", since: nanos(5) }], status: { state: "measured", until: nanos(9), budget: { remaining: 0.4 }, burn_rates: [tier("page", "2m", 0), tier("ticket", "1h", 12.9)] } }],
}])[0];

it("burns as what fires says, over its window; over the hour where that has none", () => {
  expect(of({ kind: "burn_rate", severity: "page", long_window: "2m" })).toMatchObject({ burn: 0, burnWindow: "2m" });
  expect(of({ kind: "burn_rate", severity: "ticket", long_window: "1h" })).toMatchObject({ burn: 12.9, burnWindow: "1h" });
  expect(of({ kind: "exhaustion", severity: "ticket", long_window: null })).toMatchObject({ burn: 12.9, burnWindow: "1h" });
});
