/** Which runs are listed, the sentence above them, and what each came after. */

import type { Run } from "@/api/runs";
import { percentile } from "@/model/run/latency";
import { verdictOf } from "@/model/run/run";

export interface Row {
  run: Run;
  p50: number | null;
  p99: number | null;
  p999: number | null;
  /** The finished run of the same name before it. */
  before: Run | null;
}

/** Newest first, as the server lists them. */
export function rowsOf(runs: readonly Run[]): Row[] {
  const newest = [...runs].sort((a, b) => (a.started_at > b.started_at ? -1 : a.started_at < b.started_at ? 1 : 0));
  return newest.map((run, index) => {
    const of = (p: number) => (run.total.latency ? percentile(run.total.latency, p) : null);
    return { run, p50: of(50), p99: of(99), p999: of(99.9), before: newest.slice(index + 1).find((one) => one.name === run.name && one.state === "finished") ?? null };
  });
}

/** By a part of name, version, tool or labels, in any case. */
export function found(rows: readonly Row[], q: string): Row[] {
  const wanted = q.trim().toLowerCase();
  return rows.filter(({ run }) => [run.name, run.version ?? "", run.tool ?? "", ...Object.entries(run.labels).map(([key, value]) => `${key}=${value}`)].join(" ").toLowerCase().includes(wanted));
}

/** `checkout failed, the last of 5 load tests`. */
export function headline(rows: readonly Row[]): string {
  const last = rows[0]?.run;
  if (!last) return "Load tests";
  const { word } = verdictOf(last);
  const did = { running: "is running", aborted: "was aborted", failed: "failed", passed: "passed", "no thresholds": "ended" }[word] ?? "ended";
  return rows.length === 1 ? `${last.name} ${did}, the only load test` : `${last.name} ${did}, the last of ${rows.length} load tests`;
}
