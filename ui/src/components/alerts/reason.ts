/** The evidence in a transition's reason, as figures and as words in the units of every page. */

import { spanWords } from "@/components/slo/words";
import { budget, burn, group } from "@/model/units";

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
  /** Events of the period that the budget is counted over; null in what was written before that was told. */
  events: bigint | null;
  data: string;
}

const SHAPE = /burn rate (\S+) over (\S+) and (\S+) over (\S+), told from (\S+) on; (\d+) of (\d+) bad in \S+; (\S+) % of the budget is left(?:, counted over (\d+) events)?; data: (.+)$/;

/** `burn rate 18.78 over 1h and 34.88 over 5m, told from 14.40 on; 132 of 3514 bad in 1h; 32.66 % of the budget is left, counted over 41280 events; data: measured`. */
export function reasonOf(text: string): Reason | null {
  const found = SHAPE.exec(text);
  if (!found) return null;
  const [, longBurn, long, shortBurn, short, threshold, bad, total, left, events, data] = found;
  const reason = { longBurn: Number(longBurn), long: long ?? "", shortBurn: Number(shortBurn), short: short ?? "", threshold: Number(threshold), bad: BigInt(bad ?? 0), total: BigInt(total ?? 0), left: Math.round(Number(left) * 100) / 10_000, events: events === undefined ? null : BigInt(events), data: data ?? "" };
  return [reason.longBurn, reason.shortBurn, reason.threshold, reason.left].every(Number.isFinite) ? reason : null;
}

const LEFT = /(-?\d+(?:\.\d+)?) % of the budget is left(?:, counted over (\d+) events)?/g;
const BURN = /burn rate (-?\d+(?:\.\d+)?) over (\w+) and (-?\d+(?:\.\d+)?) over (\w+), told from (-?\d+(?:\.\d+)?) on/g;
const BAD = /\b(\d+) of (\d+) bad in (\w+)/g;

const leftWords = (_: string, left: string, events?: string): string => `${budget(Number(left) / 100)} of the budget is left${events === undefined ? "" : `, counted over ${group(BigInt(events))} events`}`;
const burnWords = (_: string, long: string, longWindow: string, short: string, shortWindow: string, from: string): string =>
  `burn rate ${burn(Number(long))} over ${spanWords(longWindow) || longWindow} and ${burn(Number(short))} over ${spanWords(shortWindow) || shortWindow}, told from ${burn(Number(from))} on`;
const badWords = (_: string, bad: string, total: string, window: string): string => `${group(BigInt(bad))} of ${group(BigInt(total))} bad in ${spanWords(window) || window}`;

/** A reason, or an alert's description that holds one, as a page shows it: its figures by their units, what cannot be read as it is. */
export const reasonWords = (text: string): string => text.replace(BURN, burnWords).replace(BAD, badWords).replace(LEFT, leftWords);
