/** The runs of a comparison: the page's own first, then the others by age. */

import type { Run } from "@/api/runs";
import type { Measured } from "@/model/run/compare";
import { NOT_APPLICABLE } from "@/model/units";

export interface Compared {
  run: Run;
  /** Short, and no two alike: version, else the name, else the time. */
  label: string;
  /** Its colour's token. */
  token: string;
}

const TOKENS = ["--accent", "--c1", "--c2", "--c3"];

export function comparedOf(runs: readonly Run[], timeOf: (run: Run) => string): Compared[] {
  const names = new Set(runs.map((run) => run.name));
  const plain = runs.map((run) => [names.size > 1 ? run.name : "", run.version ?? ""].filter((part) => part !== "").join(" ") || run.name);
  return runs.map((run, index) => {
    const own = plain[index] ?? run.name;
    const isUnique = plain.filter((one) => one === own).length === 1;
    return { run, label: isUnique ? own : `${own}, ${timeOf(run)}`, token: TOKENS[index % TOKENS.length] ?? "--accent" };
  });
}

export const measured = (run: Run): Measured | null => (run.total.latency ? { requests: run.total.requests, errors: run.total.errors, latency: run.total.latency } : null);


export const textOr = (text: string | null | undefined): string => (text ? text : NOT_APPLICABLE);
