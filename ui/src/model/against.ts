/** What a page's time is compared with: an earlier time of the same length. */

import { type Range, widthOf } from "./range";
import { type Nanos, NS_PER_S, nanos } from "./time";

export const AGAINST = ["off", "previous", "day", "week"] as const;
export type Against = (typeof AGAINST)[number];

/** In the time picker. */
export const AGAINST_LABELS: Record<Against, string> = { off: "Nothing", previous: "Previous period", day: "Day before", week: "Week before" };
/** After a line's name. */
const WORDS: Record<Exclude<Against, "off">, string> = { previous: "previous period", day: "day before", week: "week before" };

const DAY = 86_400n * NS_PER_S;

/** How far back; null when nothing is compared. Of an aligned range it is whole steps, so that points stand over points. */
export function backBy(range: Range, against: Against): Nanos | null {
  if (against === "off") return null;
  return against === "previous" ? widthOf(range) : nanos(against === "day" ? DAY : 7n * DAY);
}

export const earlier = (range: Range, by: Nanos): Range => ({ from: nanos(range.from - by), to: nanos(range.to - by) });

export interface Compared {
  name: string;
  values: readonly (number | null)[];
  faint?: boolean;
  area?: boolean;
}

/** Each line with its earlier self behind it, faint: that of the same name, if there is one. */
export function withEarlier<Line extends Compared>(lines: readonly Line[], before: readonly { name: string; values: readonly (number | null)[] }[] | null, against: Against): Line[] {
  if (against === "off" || before === null) return [...lines];
  const known = new Map(before.map((line) => [line.name, line]));
  return lines.flatMap((line): Line[] => {
    const then = known.get(line.name);
    const now = lines.length === 1 ? { ...line, area: line.area ?? true } : line;
    return then ? [now, { ...line, name: `${line.name}, ${WORDS[against]}`, values: then.values, faint: true, area: false }] : [now];
  });
}
