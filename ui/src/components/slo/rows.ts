/** SLOs as rows, those in danger soonest first. */

import type { Objective, Slo } from "@/api/slos";
import { exhaustionOf, type Verdict, verdictOf } from "./standing";
import { ownerOf, titleOf } from "./words";

export interface SloRow {
  key: string;
  slo: Slo;
  index: number;
  objective: Objective;
  verdict: Verdict;
  left: number | null;
  /** Seconds until nothing is left; 0 when that is so, null when it is not in sight. */
  goneIn: number | null;
}

export function rowsOf(slos: readonly Slo[]): SloRow[] {
  const rows = slos.flatMap((slo) => slo.objectives.map((objective, index): SloRow => {
    const left = objective.status?.budget.remaining ?? null;
    const gone = objective.status ? exhaustionOf(objective.status) : null;
    return { key: `${slo.name} ${index}`, slo, index, objective, verdict: verdictOf(objective), left, goneIn: left !== null && left <= 0 ? 0 : (gone?.seconds ?? null) };
  }));
  return rows.sort((a, b) => rank(a) - rank(b) || (a.goneIn ?? Infinity) - (b.goneIn ?? Infinity) || (a.left ?? 2) - (b.left ?? 2) || (a.key < b.key ? -1 : 1));
}

/** Pages before all else, then what is spent, held, tickets, the rest. */
const rank = ({ verdict }: SloRow): number => (verdict.held ? 1 : verdict.firing === "page" ? 0 : verdict.firing === "ticket" ? 2 : 3);

export const matches = (row: SloRow, q: string): boolean => {
  const text = `${row.slo.name} ${titleOf(row.slo)} ${row.slo.service} ${ownerOf(row.slo) ?? ""}`.toLowerCase();
  return q.toLowerCase().split(/\s+/).every((word) => text.includes(word));
};
