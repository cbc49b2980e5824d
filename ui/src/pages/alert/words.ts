import type { Evidence } from "@/api/explain";
import { reasonWords } from "@/components/alerts/reason";
import type { BoardAlert } from "@/components/alerts/board";
import type { Objective } from "@/api/slos";
import { budget } from "@/model/units";

/** What it costs and who spends it, in a sentence; empty when nothing is known. */
export function causeOf(alert: BoardAlert, evidence: Evidence | undefined): string {
  if (evidence && evidence.window.bad > 0) return evidence.summary;
  const told = alert.annotations.explanation ?? "";
  return /^none of 0 /.test(told) || told === "" ? reasonWords(alert.description) : told;
}

/** An alert's sentence once it is over: what it was, from when to when. */
export function overSentence(summary: string, from: string | null, to: string | null): string {
  const past = summary.replace(/\bburns its\b/, "burned its").replace(/\bwill have spent\b/, "would have spent").replace(/\bfails\b/, "failed").replace(/\bis\b/, "was").replace(/\.$/, "");
  return to === null ? past : `${past}${from === null ? " until" : `, from ${from} to`} ${to}`;
}

/** What a budget is of while history is still counted; null once it is. */
export const countedSoFar = (objective: Pick<Objective, "counting"> | null): string | null => {
  const counting = objective?.counting;
  return !counting || counting.is_counted ? null : `of the history counted so far: ${counting.segments_done} of ${counting.segments_all} segments`;
};

/** Held, in a sentence: since when, why, what stays, what would release it. */
export const heldSentence = (since: string): string => `Held since ${since}. Still firing as far as we know: nothing was measured since that could change it, so it cannot resolve. It goes on by itself when its senders are heard again.`;

export const leftOf = (objective: Objective | null): string | null => {
  const left = objective?.status?.budget.remaining;
  return left === null || left === undefined ? null : `${budget(left)} of the budget is left`;
};

/** The nearest an alert that does not fire came to it: `long 13.9 of 14.4`. */
export function nearestMiss(objective: Objective | null, labels: Readonly<Record<string, string>>): { long: number; short: number; threshold: number } | null {
  const tier = objective?.status?.burn_rates.find((one) => one.severity === labels.severity && one.long_window === labels.long_window && one.short_window === labels.short_window);
  if (!tier || tier.long === null || tier.long === undefined || tier.short === null || tier.short === undefined) return null;
  return { long: tier.long, short: tier.short, threshold: tier.threshold };
}
