/** The evidence in a transition's reason, as figures. */

export interface Reason {
  longBurn: number;
  long: string;
  shortBurn: number;
  short: string;
  threshold: number;
  bad: bigint;
  total: bigint;
  /** Share of the budget left, 1 being all. */
  left: number;
  /** Events of the period that the budget was of; null in what was written before that was told. */
  events: bigint | null;
  data: string;
}

const SHAPE = /burn rate (\S+) over (\S+) and (\S+) over (\S+), told from (\S+) on; (\d+) of (\d+) bad in \S+; (\S+) % of the budget(?: of (\d+) events)? is left; data: (.+)$/;

/** `burn rate 18.78 over 1h and 34.88 over 5m, told from 14.40 on; 132 of 3514 bad in 1h; 32.66 % of the budget of 41280 events is left; data: measured`. */
export function reasonOf(text: string): Reason | null {
  const found = SHAPE.exec(text);
  if (!found) return null;
  const [, longBurn, long, shortBurn, short, threshold, bad, total, left, events, data] = found;
  const reason = { longBurn: Number(longBurn), long: long ?? "", shortBurn: Number(shortBurn), short: short ?? "", threshold: Number(threshold), bad: BigInt(bad ?? 0), total: BigInt(total ?? 0), left: Math.round(Number(left) * 100) / 10_000, events: events === undefined ? null : BigInt(events), data: data ?? "" };
  return [reason.longBurn, reason.shortBurn, reason.threshold, reason.left].every(Number.isFinite) ? reason : null;
}
