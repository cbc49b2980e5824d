import { describe, expect, it } from "vitest";
import type { Slo, SloAlert } from "@/api/slos";
import { nanos } from "@/model/time";
import { matches, rowsOf } from "@/components/slo/rows";
import { headline, historyOf, sectionsOf } from "./rows";

const S = 1_000_000_000n;
const slo = (name: string, left: number | null, gone: number | null, alert: Partial<SloAlert> = {}, labels: Record<string, string> = {}): Slo => ({
  name, service: "shop", labels, annotations: {}, version: 1, created_at: nanos(0),
  objectives: [{
    target: "99%", target_parts_per_billion: 990_000_000, method: "Occurrences", window: { rolling: "30d" }, sli: { key: "", source: "spans", total: "{}" }, group_by: [],
    status: left === null ? undefined : {
      state: "measured", until: nanos(0), period: { start: nanos(0), end: nanos(0) }, events: { good: 900n, bad: 100n, total: 1000n }, counted: { good: 900n, bad: 100n, total: 1000n },
      excluded: { events: { good: 0n, bad: 0n, total: 0n }, seconds: 0 }, budget: { remaining: left }, coverage: 1, exhausted_in_seconds: gone, burn_rates: [],
    },
    alerts: [{ kind: "burn_rate", severity: "page", level: "inactive", is_flapping: false, ...alert }],
  }],
});
const SLOS = [slo("calm", 0.9, null), slo("soon", 0.5, 60), slo("later", 0.2, 6000), slo("paging", 0.4, 90, { level: "firing", since: nanos(S) }, { owner: "ann" }), slo("new", null, null)];

describe("rows", () => {
  it("stand with pages first, then by time to exhaustion", () => expect(rowsOf(SLOS).map((row) => row.slo.name)).toEqual(["paging", "soon", "later", "calm", "new"]));
  it("are found by name, service and owner", () => expect(rowsOf(SLOS).filter((row) => matches(row, "SHOP ann")).map((row) => row.slo.name)).toEqual(["paging"]));
  it("come in sections", () => {
    expect(sectionsOf(rowsOf(SLOS), "owner").map((section) => [section.name, section.rows.length])).toEqual([["ann", 1], ["no owner", 4]]);
    expect(sectionsOf(rowsOf(SLOS), "none")).toHaveLength(1);
  });
  it("have a sentence", () => {
    expect(headline(rowsOf(SLOS))).toBe("1 of 5 SLOs pages");
    expect(headline(rowsOf(SLOS.slice(0, 3)))).toBe("All 3 SLOs are measured and within budget");
    expect(headline(rowsOf([slo("spent", -0.1, 0)]))).toBe("1 has spent the budget");
    expect(headline(rowsOf([slo("a", 0.9, null, { level: "firing", held_since: nanos(S) })]))).toContain("1 held");
    expect(headline(rowsOf([slo("new", null, null)]))).toBe("1 of 1 SLO is not measured yet");
    expect(headline([])).toBe("SLOs");
  });
  it("know their days", () => {
    const row = rowsOf([slo("calm", 0.9, null)])[0]!;
    expect(historyOf([{ slo: "calm", objective: 0, at: 0n, good: 9, total: 10 }, { slo: "x", objective: 0, at: 0n, good: 0, total: 9 }, { slo: "calm", objective: 0, at: 1n, good: 6, total: 10 }], row)).toEqual([0.9, 0.5]);
  });
});
