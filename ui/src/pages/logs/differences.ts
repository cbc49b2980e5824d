/** Two ranges of time side by side: which values are more frequent in one. */

import type { LogFacets } from "@/api/logs";
import { type Range, widthOf } from "@/model/range";
import { nanos } from "@/model/time";

export interface Difference {
  field: string;
  value: unknown;
  /** Shares of each range's records. */
  here: number;
  there: number;
  hereCount: number;
  thereCount: number;
  /** Of a two-sided G test: large is unlikely to be chance. */
  score: number;
}

/** `FROM-TO` of a link; without one, as long a time before `range`. */
export function otherOf(text: string, range: Range): Range {
  const match = /^(\d{1,19})-(\d{1,19})$/.exec(text);
  const [from, to] = match ? [nanos(match[1] ?? 0), nanos(match[2] ?? 0)] : [nanos(0), nanos(0)];
  return to > from ? { from, to } : { from: nanos(range.from - widthOf(range)), to: range.from };
}

/** Why two times cannot be compared: which of them has no record; null when both have. */
export function nothingIn(here: LogFacets, there: LogFacets): "both" | "here" | "there" | null {
  if (here.total > 0 && there.total > 0) return null;
  return here.total > 0 ? "there" : there.total > 0 ? "here" : "both";
}

/** Values by how much their shares differ, the most telling first. */
export function differences(here: LogFacets, there: LogFacets): Difference[] {
  const out: Difference[] = [];
  for (const field of new Set([...here.facets, ...there.facets].map((facet) => facet.field))) {
    const a = new Map(here.facets.find((facet) => facet.field === field)?.values.map(({ value, count }) => [JSON.stringify(value), count]));
    const b = new Map(there.facets.find((facet) => facet.field === field)?.values.map(({ value, count }) => [JSON.stringify(value), count]));
    for (const key of new Set([...a.keys(), ...b.keys()])) {
      const [hereCount, thereCount] = [a.get(key) ?? 0, b.get(key) ?? 0];
      out.push({
        field, value: JSON.parse(key) as unknown, hereCount, thereCount,
        here: here.total > 0 ? hereCount / here.total : 0, there: there.total > 0 ? thereCount / there.total : 0,
        score: g(hereCount, here.total, thereCount, there.total),
      });
    }
  }
  return out.filter((one) => one.score >= SCORE_MIN).sort((x, y) => y.score - x.score);
}

/** One in a thousand by chance, for one value. */
const SCORE_MIN = 10.8;

/** The G statistic of two shares. */
function g(a: number, n: number, b: number, m: number): number {
  const share = (a + b) / (n + m);
  const part = (observed: number, expected: number) => (observed > 0 && expected > 0 ? observed * Math.log(observed / expected) : 0);
  return 2 * (part(a, n * share) + part(n - a, n * (1 - share)) + part(b, m * share) + part(m - b, m * (1 - share)));
}
