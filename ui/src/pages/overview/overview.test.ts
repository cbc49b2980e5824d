import { expect, it } from "vitest";
import type { Standing } from "@/model/standing";
import { nanos } from "@/model/time";
import { gridOf } from "@/model/traffic";
import { attentionOf, type Told, withSilent } from "./attention";
import { labelsOf } from "./labels";
import { isAnswered } from "./useFrame";
import { changesOf } from "./changes";
import { badOf, onsetOf, overOf, shareOf } from "./onset";
import { age, causeOf, headlineOf, noteOf, oneIn } from "./sentences";

const minute = (n: number) => nanos(1_800_000_000_000_000_000n + BigInt(n) * 60_000_000_000n);
const grid = gridOf({ from: minute(0), to: minute(60) });
const standing = (slo: string, over: Partial<Standing> = {}): Standing => ({
  slo, objective: 0, title: slo.replace("-", " "), service: slo.split("-")[0] ?? "", target: "99.9%", left: 0.5, firing: null, since: null, held: false, heldSince: null,
  dataState: null, lastHeard: null, burn: 21.3, burnWindow: "1h", goneAt: null, tone: "good", ...over,
});
const told = (slo: string, severity: string, over: Partial<Told> & { window?: string; traces?: string } = {}): Told => ({
  fingerprint: `${slo}-${severity}-${over.window ?? "1h"}`, labels: { slo, severity, alertname: "SLOBurnRate", objective: "99.9%", long_window: over.window ?? "1h" },
  annotations: over.traces === undefined ? {} : { trace_ids: over.traces }, startsAt: minute(47), status: { silencedBy: [] }, ...over,
});
const CHECKOUT = standing("checkout-availability", { firing: "page", tone: "bad" });
const SLICES = grid.times.map((at, i) => ({ slo: CHECKOUT.slo, objective: 0, at, good: i < 19 ? 40 : 38, total: i < 19 ? 40 : 39.2 }));

it("folds tiers of an SLO, and alerts of the same traces, into one card", () => {
  const cards = attentionOf(
    [told("payments-authorize", "ticket", { traces: "b,c" }), told("checkout-availability", "page", { window: "6h" }), told("checkout-availability", "page", { traces: "a,b" }), told("checkout-availability", "ticket", { window: "3d" })],
    [CHECKOUT, standing("payments-authorize", { firing: "ticket" })],
  );
  expect(cards).toHaveLength(1);
  expect(cards[0]?.fingerprint).toBe("checkout-availability-page-1h");
  expect(cards[0]?.also).toEqual([{ title: "payments authorize", kind: "ticket" }]);
  expect(noteOf(cards, 1, 3, [{ name: "cart", last: minute(59), silentSince: null }, { name: "email", last: minute(40), silentSince: minute(40) }])).toBe("1 page, 1 ticket · 1 of 3 SLOs healthy · 1 of 2 senders reporting");
});

it("holds what is silent apart from what burns", () => {
  const email = standing("email-delivered", { held: true, heldSince: minute(42), dataState: "no_telemetry" });
  const cards = attentionOf([told("email-delivered", "ticket")], [email]);
  expect(cards.map((card) => card.kind)).toEqual(["held"]);
  expect(headlineOf(cards, [email], { onset: null, share: 0, from: minute(0) }, 1, minute(60), "UTC")).toMatch(/^email sends no telemetry since \d\d:\d\d$/);
  const quiet = withSilent([], [{ name: "orders", last: minute(50), silentSince: minute(50) }], [standing("orders-latency")]);
  expect(quiet[0]?.since).toBe(minute(50));
});

it("says what fails and since when", () => {
  const buckets = badOf(SLICES, CHECKOUT, grid);
  const onset = onsetOf(buckets, grid);
  expect(onset?.at).toBe(minute(19));
  const cards = attentionOf([told("checkout-availability", "page")], [CHECKOUT]);
  expect(headlineOf(cards, [CHECKOUT], { onset, share: shareOf(buckets), from: grid.range.from }, 3, minute(60), "UTC")).toMatch(/^Checkout availability fails 3 in 100 events since \d\d:\d\d$/);
  expect(headlineOf(cards, [CHECKOUT], { onset: null, share: 0.03, from: grid.range.from }, 3, minute(60), "UTC")).toMatch(/^Checkout availability fails 3 in 100 events since before /);
  expect(headlineOf([], [CHECKOUT, standing("a-b")], { onset: null, share: 0, from: minute(0) }, 2, minute(60), "UTC")).toBe("All 2 SLOs are measured and within budget");
});

it("names the SLO whose events fail, not its service, and the day where it is another", () => {
  const own = standing("orders", { service: "gateway", title: "orders", firing: "page" });
  const cards = attentionOf([told("orders", "page")], [own]);
  const failing = { onset: { at: minute(0), until: null, step: { index: 9, before: 0, after: 0.41, p: 1e-9, end: null } }, share: 0.2, from: minute(0) };
  expect(headlineOf(cards, [own], failing, 3, minute(60), "UTC")).toBe("Orders fails 41 in 100 events since 08:00");
  expect(headlineOf(cards, [own], failing, 3, minute(1500), "UTC")).toBe("Orders fails 41 in 100 events since 15 Jan 08:00");
});

it("says what failed and until when, once it is over", () => {
  const failing = (from: number, to: number) => badOf(grid.times.map((at, i) => ({ slo: CHECKOUT.slo, objective: 0, at, good: i >= from && i < to ? 22 : 40, total: 40 })), CHECKOUT, grid);
  const cards = attentionOf([told("checkout-availability", "page")], [CHECKOUT]);
  const said = (from: number, to: number) => {
    const buckets = failing(from, to);
    return headlineOf(cards, [CHECKOUT], { onset: onsetOf(buckets, grid), share: shareOf(buckets), from: grid.range.from, over: overOf(buckets, grid) }, 3, minute(60), "UTC");
  };
  expect(said(20, 27)).toBe("Checkout availability failed 45 in 100 events from 08:20 to 08:27");
  expect(said(20, 60)).toBe("Checkout availability fails 45 in 100 events since 08:20");
  expect(said(0, 9)).toBe("Checkout availability failed 45 in 100 events until 08:09, from before 08:00");
});

it("keeps the sparkline's labels whole and apart", () => {
  const wide = (words: string) => words.length * 6.2;
  const ends = ({ x, anchor }: { x: number; anchor: string }, words: string) => (anchor === "end" ? [x - wide(words), x] : [x, x + wide(words)]);
  for (const at of [0, 30, 90, 180, 200, 208]) {
    const labels = labelsOf({ x: Math.max(0, at - 9), words: "1.9.0" }, { x: at, words: "41.03\u202f%" }, 208);
    const spans = [...(labels.deploy ? [ends(labels.deploy, "1.9.0")] : []), ...(labels.onset ? [ends(labels.onset, "41.03\u202f%")] : [])];
    for (const [from, to] of spans) expect([from! >= -1e-9, to! <= 208 + 1e-9]).toEqual([true, true]);
    if (labels.deploy && labels.onset) expect(ends(labels.deploy, "1.9.0")[1]!).toBeLessThan(ends(labels.onset, "41.03\u202f%")[0]!);
  }
  expect(labelsOf(null, { x: 204, words: "41.03\u202f%" }, 208).onset).toEqual({ x: 208, anchor: "end" });
});

it("waits for answers, good or bad, and not for what is not asked", () => {
  const [good, failed, pending] = [{ data: [], error: null }, { data: undefined, error: new Error("no") }, { data: undefined, error: null }];
  expect([isAnswered([good, failed, null]), isAnswered([good, pending]), isAnswered([])]).toEqual([true, false, true]);
});

it("says shares and ages in words", () => {
  expect([oneIn(0.031), oneIn(0.0042), oneIn(0.00013), oneIn(1)]).toEqual(["3 in 100", "4 in 1\u202f000", "1 in 10\u202f000", "all"]);
  expect(age(minute(0), nanos(minute(13) + 40_000_000_000n))).toBe("13\u202fmin");
});

it("names a deploy only when the bad events tell its version apart, and it came before", () => {
  const found = {
    window: { bad: 100 }, operations: [{ service: "payments", operation: "pool.acquire", how: "failing", spent: 71, is_significant: true }],
    versions: [{ service: "payments", value: "2.14.0", difference: 0.9, is_significant: true }],
    examples: [{ trace_id: "a", start: minute(20), duration: nanos(5), culprit: { service: "payments", operation: "pool.acquire", status_message: "timed out" } }, { trace_id: "b", start: minute(21), duration: nanos(9) }],
  };
  const deploy = { service: "payments", at: minute(17), from: "2.13.4", to: "2.14.0", instances: 2, all: 6 };
  const onset = onsetOf(badOf(SLICES, CHECKOUT, grid), grid);
  const cause = causeOf(found, onset, [deploy]);
  expect(cause).toMatchObject({ share: 0.71, said: "timed out", worst: { trace: "b" }, deploy: { version: "2.14.0", before: minute(19) - minute(17) } });
  expect(cause?.worst?.logs.from).toBeLessThanOrEqual(minute(20));
  expect(cause?.worst?.logs.to).toBeGreaterThan(minute(22));
  expect(causeOf(found, onset, [{ ...deploy, at: minute(25) }])?.deploy).toBeNull();
  expect(causeOf({ ...found, operations: [{ ...found.operations[0]!, is_significant: false }] }, onset, [])).toBeNull();
});

it("tells a step of several services, their alert and its delivery, newest first", () => {
  const since = (n: number) => ({ at: minute(n), until: null, step: { index: n, before: 0, after: 0.03, p: 1e-6 } });
  const changes = changesOf({
    grid, deploys: [], heard: [], worsened: new Map([["checkout", { errors: since(19), p99: since(19) }], ["payments", { errors: since(20), p99: null }]]),
    transitions: ["page", "ticket"].map((severity) => ({ time: minute(47), slo: "checkout-availability", kind: "burn_rate", severity, windows: "1h/5m", level: "firing" })),
    deliveries: [{ created_at: minute(48), finished_at: minute(48), receiver: "duty", group_key: '{service="checkout"}', status: "firing", state: "delivered", error: null }],
    services: new Map([["checkout-availability", "checkout"]]),
  });
  expect(changes.map((change) => change.kind)).toEqual(["alert", "step"]);
  expect(changes[0]).toMatchObject({ severity: "page", deliveries: [{ receiver: "duty" }] });
  expect(changes[1]).toMatchObject({ what: "errors", services: ["checkout", "payments"] });
});
