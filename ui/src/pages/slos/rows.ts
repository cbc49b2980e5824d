/** Rows of SLOs in sections, their headline, their history. */

import { budgetShare } from "@/components/slo/standing";
import type { SloRow as Row } from "@/components/slo/rows";
import { ownerOf } from "@/components/slo/words";

/** In sections, by service or owner; one section without a name otherwise. */
export function sectionsOf(rows: readonly Row[], by: "none" | "service" | "owner"): { name: string; rows: Row[] }[] {
  const sections = new Map<string, Row[]>();
  for (const row of rows) {
    const name = by === "none" ? "" : by === "service" ? row.slo.service : (ownerOf(row.slo) ?? "no owner");
    sections.set(name, [...(sections.get(name) ?? []), row]);
  }
  return [...sections].map(([name, own]) => ({ name, rows: own }));
}

/** The page's sentence. */
export function headline(rows: readonly Row[]): string {
  if (rows.length === 0) return "SLOs";
  const paging = rows.filter((row) => row.verdict.firing === "page");
  const held = rows.filter((row) => row.verdict.held);
  const spent = rows.filter((row) => row.left !== null && row.left <= 0);
  const of = `of ${rows.length} ${rows.length === 1 ? "SLO" : "SLOs"}`;
  const parts = [
    ...(paging.length > 0 ? [`${paging.length} ${of} ${paging.length === 1 ? "pages" : "page"}`] : []),
    ...(spent.length > 0 ? [`${spent.length} ${spent.length === 1 ? "has" : "have"} spent the budget`] : []),
    ...(held.length > 0 ? [`${held.length} held`] : []),
  ];
  if (parts.length > 0) return parts.join(", ");
  const tickets = rows.filter((row) => row.verdict.firing === "ticket").length;
  if (tickets > 0) return `${tickets} ${of} ${tickets === 1 ? "has" : "have"} a ticket open, none pages`;
  const unknown = rows.filter((row) => row.left === null).length;
  if (unknown > 0) return `${unknown} ${of} ${unknown === 1 ? "is" : "are"} not measured yet`;
  return rows.length === 1 ? "The one SLO is measured and within budget" : `All ${rows.length} SLOs are measured and within budget`;
}

export interface Day {
  slo: string;
  objective: number;
  at: bigint;
  good: number;
  total: number;
}

/** What was left of the budget day by day, from one answer for all. */
export function historyOf(days: readonly Day[], row: Row): number[] {
  const own = days.filter((day) => day.slo === row.slo.name && day.objective === row.index);
  const whole = Number(row.objective.status?.counted.total ?? 0n) * budgetShare(row.objective);
  let bad = 0;
  return whole <= 0 ? [] : own.map((day) => {
    bad += day.total - day.good;
    return 1 - bad / whole;
  });
}
