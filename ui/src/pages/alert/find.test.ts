import { describe, expect, it } from "vitest";
import type { BoardAlert } from "@/components/alerts/board";
import { fingerprint } from "@/model/fingerprint";
import { nanos } from "@/model/time";
import { changesOf, groupValues, pastAlert } from "./find";

const at = (n: number) => nanos(BigInt(n));
const labels = { alertname: "A", severity: "page" };
const rule = (n: number, to_state: string) => ({ time: at(n), source: "rule", name: "A", group: "g", labels, annotations: { summary: "A is on" }, value: 7, from_state: "x", to_state });
const alert = (more: Partial<BoardAlert> = {}): BoardAlert => ({
  fingerprint: fingerprint(labels), name: "A", summary: "", description: "", state: "firing", severity: "page", service: "", slo: null, labels, annotations: {}, since: null, heldSince: null, source: "rule", silencedBy: [], inhibitedBy: [], receivers: [], ...more,
});
const burn = (n: number, level: string, group?: string[]) => ({ slo: "s", version: 1, objective: 0, ...(group ? { group } : {}), kind: "burn_rate", severity: "page", long_window: "1h", short_window: "5m", at: at(n), until: at(n), level, reason: level });

it("an alert that is over is found by what it did", () => {
  expect(pastAlert(fingerprint(labels), [rule(2, "inactive"), rule(1, "firing")], undefined)).toMatchObject({ summary: "A is on", state: "resolved", since: at(2) });
  expect(pastAlert("0000000000000000", [rule(1, "firing")], undefined)).toBeNull();
});

describe("changes", () => {
  it("are its own, the last first, with what holds it on top", () => {
    expect(changesOf(alert({ state: "held", heldSince: at(5) }), [rule(1, "firing"), rule(2, "inactive")], [], null).map((one) => one.state)).toEqual(["held", "resolved", "firing"]);
  });
  it("of an SLO are those of its tier, or its group", () => {
    const own = alert({ slo: "s", labels: { ...labels, long_window: "1h", short_window: "5m" } });
    const all = [burn(1, "firing"), burn(2, "firing", ["cart"]), { ...burn(3, "firing"), long_window: "6h" }];
    expect(changesOf(own, [], all, null).map((one) => one.at)).toEqual([at(1)]);
    expect(changesOf(own, [], all, ["cart"]).map((one) => one.at)).toEqual([at(2)]);
  });
});

it("a group is known by its labels", () => {
  expect(groupValues({ http_route: "/pay", group_service: "cart" }, ["service", "span.http.route"])).toEqual(["cart", "/pay"]);
  expect(groupValues({ http_route: "/pay" }, ["span.payment.method"])).toBeNull();
  expect(groupValues({}, [])).toBeNull();
});
