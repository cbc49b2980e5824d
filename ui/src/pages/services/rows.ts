/** Which services are listed, and the sentence above them. */

import type { Tone } from "@/model/state";

export interface Listed {
  service: string;
  tone: Tone;
  versions: { current: { version: string } | null } | null;
}

export const needsAttention = (row: Pick<Listed, "tone">): boolean => row.tone === "bad" || row.tone === "warn" || row.tone === "hold";

/** By a part of the name or of the version, in any case. */
export function found<Row extends Listed>(rows: readonly Row[], find: string, state: "all" | "attention"): Row[] {
  const wanted = find.trim().toLowerCase();
  return rows.filter((row) => (state === "all" || needsAttention(row)) && `${row.service} ${row.versions?.current?.version ?? ""}`.toLowerCase().includes(wanted));
}

/** `8 services: 1 fails, 2 are in danger, 1 is silent`. */
export function sentence(rows: readonly Pick<Listed, "tone">[]): string {
  const of = (tone: Tone, one: string, many: string) => {
    const n = rows.filter((row) => row.tone === tone).length;
    return n === 0 ? [] : [`${n} ${n === 1 ? one : many}`];
  };
  const parts = [...of("bad", "burns its budget", "burn their budgets"), ...of("warn", "has a ticket", "have tickets"), ...of("hold", "is silent or held", "are silent or held")];
  const all = `${rows.length} ${rows.length === 1 ? "service" : "services"}`;
  return parts.length === 0 ? `${all}, nothing fires` : `${all}: ${parts.join(", ")}`;
}
