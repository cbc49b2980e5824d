/** The page's sentence: how much was logged, and how much of it is bad. */

import { group } from "@/model/units";

/** `5 169 records`, and what is to be said of them. */
export function headlineOf(total: number, counts: ReadonlyMap<string, number>): { records: string; said: string } {
  if (total === 0) return { records: "No record matches", said: "" };
  const bad = (counts.get("error") ?? 0) + (counts.get("fatal") ?? 0);
  const without = counts.get("") ?? 0;
  const records = `${group(total)} ${total === 1 ? "record" : "records"}`;
  if (without === total) return { records, said: total === 1 ? "without a severity" : "none with a severity" };
  if (bad === 0) return { records, said: total === 1 ? "no error" : "no error among them" };
  return { records, said: bad === total ? (total === 1 ? "an error" : "all of them errors") : `${group(bad)} of them ${bad === 1 ? "an error" : "errors"}` };
}
