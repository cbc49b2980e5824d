import { expect, it } from "vitest";
import type { BoardAlert } from "@/components/alerts/board";
import { nanos } from "@/model/time";
import { headline, lastPage } from "./words";

const alert = (state: BoardAlert["state"], severity: string, silencedBy: string[] = []): BoardAlert => ({
  fingerprint: "", name: "", summary: "", description: "", state, severity, service: "", slo: null, labels: {}, annotations: {}, since: null, heldSince: null, source: "rule", silencedBy, inhibitedBy: [], receivers: [],
});

it("counts what fires, and what does something else", () => {
  expect(headline([])).toBe("Nothing fires");
  expect(headline([alert("firing", "page")])).toBe("1 page fires");
  expect(headline([alert("firing", "page"), alert("firing", "page"), alert("firing", "ticket"), alert("held", "page"), alert("pending", "page"), alert("firing", "page", ["x"])])).toBe("2 pages and 1 other alert fire, 1 held, 1 pending, 1 silenced");
  expect(headline([alert("firing", "ticket"), alert("firing", "ticket")])).toBe("2 alerts fire");
});

it("knows the last page", () => {
  const S = 1_000_000_000n;
  expect(lastPage([], nanos(0n), "UTC")).toBe("No page is kept.");
  const past = { key: "", fingerprint: null, slo: null, name: "", severity: "page", from: nanos(60n * S), to: nanos(2580n * S) };
  expect(lastPage([past], nanos(3000n * S), "UTC").replaceAll("\u202f", " ")).toBe("Last page 00:01 (42 min).");
});
