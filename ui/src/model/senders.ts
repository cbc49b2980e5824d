/** Who reports and who is silent: the one rule and the one wording, for every page that counts senders. */

import type { Nanos } from "./time";
import { byService, type Grid, silence } from "./traffic";

/** Records of a sender that arrived in one interval of the grid, of whatever signal. */
export interface Arrived {
  service: string;
  at: Nanos;
  last: Nanos;
}

export interface Heard {
  name: string;
  last: Nanos;
  /** When it was last heard, if it is silent by its own rhythm. */
  silentSince: Nanos | null;
}

/** Everybody of whom anything was stored in the range. */
export function heardOf(arrivals: readonly Arrived[], grid: Grid): Heard[] {
  return [...byService(arrivals)].map(([name, own]) => ({ name, ...rhythmOf(own, grid) }));
}

/** When somebody was last heard, and from which interval on he is silent: three times his longest pause, of all signals together. */
export function rhythmOf(arrivals: readonly Arrived[], grid: Grid): { last: Nanos; silentSince: Nanos | null; silentFrom: number; firstHeard: number } {
  const heard = new Set(arrivals.map((one) => one.at));
  const last = arrivals.reduce((latest, one) => (one.last > latest ? one.last : latest), 0n as Nanos);
  const { silentFrom, firstHeard } = silence(grid, (at) => heard.has(at));
  // Whoever speaks in the interval that still runs is not silent; who spoke once has no rhythm to break.
  const isSilent = silentFrom < grid.times.length && heard.size > 1 && last < grid.range.to;
  return { last, silentSince: isSilent ? last : null, silentFrom: isSilent ? silentFrom : grid.times.length, firstHeard };
}

/** `11 of 12 senders reporting`; empty when nobody was heard. */
export function reportingWords(heard: readonly Heard[]): string {
  const alive = heard.filter((one) => one.silentSince === null).length;
  return heard.length === 0 ? "" : `${alive} of ${heard.length} ${heard.length === 1 ? "sender" : "senders"} reporting`;
}
