/** The time in which everything of a trace lies: what a link to its log records carries, so that none is past the edge of the page it was found on. */

import type { Range } from "../range";
import { absolute } from "../range";
import { add, type Nanos, NS_PER_MS, NS_PER_S, nanos } from "../time";
import { at, type TraceTree } from "./tree";

/** To either side at least; more of a long trace. */
const LEAST_PAD = Number(NS_PER_S);
/** Of a trace of which only a part is known, such as an example of an alert. */
const PART_PAD = 60n * NS_PER_S;

/** All spans and log records of `tree`, events and the critical path with them. */
export function holdsTrace(tree: TraceTree): Range {
  let [first, last] = [0, tree.width];
  for (let span = 0; span < tree.ids.length; span++) {
    first = Math.min(first, at(tree.start, span));
    last = Math.max(last, at(tree.start, span) + at(tree.duration, span));
  }
  for (const log of tree.logs) {
    first = Math.min(first, log.at);
    last = Math.max(last, log.at);
  }
  const pad = Math.max(LEAST_PAD, (last - first) / 20);
  return wholeMs(add(tree.origin, nanos(Math.floor(first - pad))), add(tree.origin, nanos(Math.ceil(last + pad))));
}

/** Around a span of which the rest of the trace is not known: a minute, and its own length, to either side. */
export function holdsSpan(start: Nanos, duration: Nanos): Range {
  const length = duration > 0n ? duration : 0n;
  const pad = nanos(length > PART_PAD ? length : PART_PAD);
  return wholeMs(nanos(start - pad), nanos(start + length + pad));
}

/** Links are written to the millisecond: outwards, never inwards. */
const wholeMs = (from: Nanos, to: Nanos): Range => ({ from: nanos((from / NS_PER_MS) * NS_PER_MS), to: nanos((to / NS_PER_MS + 1n) * NS_PER_MS) });

/** A search of log records in `range`. */
export const logsIn = (q: string, range: Range): Record<string, string> => ({ q, ...absolute(range) });
