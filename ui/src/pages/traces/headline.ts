/** The page's sentence. */

import { group } from "@/model/units";

/** How many of the traces that were read have failed spans; `more` when older ones were left out. */
export function headlineOf(traces: number, failed: number, more: boolean): string {
  if (traces === 0) return "No trace matches";
  const of = more ? `Of the newest ${group(traces)} traces` : `Of ${group(traces)} ${traces === 1 ? "trace" : "traces"}`;
  return failed === 0 ? `${of} none has a failed span` : `${of} ${group(failed)} ${failed === 1 ? "has" : "have"} failed spans`;
}
