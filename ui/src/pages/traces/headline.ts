/** The page's sentence. */

import { group } from "@/model/units";

/** How many of the traces that were read have failed spans; `more` when older ones were left out, `selected` when only those under a brush were asked for. */
export function headlineOf(traces: number, failed: number, more: boolean, selected = false): string {
  if (traces === 0) return selected ? "No trace lies in the selection" : "No trace matches";
  const kind = selected ? "selected " : "";
  const of = more ? `Of the newest ${group(traces)} ${kind}traces` : `Of ${group(traces)} ${kind}${traces === 1 ? "trace" : "traces"}`;
  return failed === 0 ? `${of} none has a failed span` : `${of} ${group(failed)} ${failed === 1 ? "has" : "have"} failed spans`;
}

/** What the scatter shows: `drawn` spans of `all` that match (null until counted); `more` when older traces were left out. */
export function drawnText(drawn: number, all: number | null, more: boolean): string {
  if (all === null || all < drawn) all = more ? null : drawn;
  if (all === drawn && !more) return drawn === 1 ? "one span matches" : `a point for each of the ${group(drawn)} spans that match`;
  const of = all === null ? "of more spans that match" : `of ${group(all)} spans that match`;
  return more ? `only the newest ${group(drawn)} ${of}` : `${group(drawn)} ${of}, the first few of each trace`;
}
