/** Patterns by how much they changed against what is usual. */

import type { LogPattern } from "@/api/logs";
import { severityOf } from "@/components/logs/severity";
import { type Range, widthOf } from "@/model/range";
import type { Nanos } from "@/model/time";

export type Change =
  | { kind: "new"; since: Nanos }
  | { kind: "more" | "less"; times: number }
  | { kind: "usual" }
  | { kind: "gone" };

export interface RankedPattern extends LogPattern {
  change: Change;
  /** How many there would have been, had nothing changed. */
  expected: number;
  score: number;
}

/** Less than this many times more or less is nothing to speak of. */
const TIMES_MIN = 1.5;
/** Of the G statistic: one in ten thousand by chance. */
const SCORE_MIN = 15;

/**
 * What came or grew first: errors before warnings before the rest, among those of one gravity what is new before what
 * grew, then by how surprising it is. Then what is gone or less, then the rest by count.
 */
export function rank(now: readonly LogPattern[], nowRange: Range, before: readonly LogPattern[], beforeRange: Range): RankedPattern[] {
  const scale = Number(widthOf(nowRange)) / Number(widthOf(beforeRange));
  const usual = new Map(before.map((pattern) => [pattern.template, pattern]));
  const known = new Set(now.map((pattern) => pattern.template));
  const ranked = now.map((pattern) => {
    const expected = (usual.get(pattern.template)?.count ?? 0) * scale;
    const score = surprise(pattern.count, expected);
    return { ...pattern, expected, score, change: changeOf(pattern, expected, score) };
  });
  const gone = before
    .filter((pattern) => !known.has(pattern.template))
    .map((pattern) => ({ ...pattern, count: 0, expected: pattern.count * scale, score: surprise(0, pattern.count * scale), change: { kind: "gone" } as const }))
    .filter((pattern) => pattern.score >= SCORE_MIN);
  return [...ranked, ...gone].sort((a, b) => order(a) - order(b) || (order(a) === 0 ? gravity(b) - gravity(a) || novelty(b) - novelty(a) : 0) || (order(a) === 2 ? b.count - a.count : b.score - a.score));
}

const gravity = ({ severity }: RankedPattern): number => ({ fatal: 2, error: 2, warn: 1, info: 0, debug: 0, trace: 0, "": 0 })[severityOf(severity)];
/** A few lines that were never seen before are new, but may be chance: they stand after what surely grew. */
const novelty = ({ change, score }: RankedPattern): number => (change.kind === "more" ? 1 : score >= SCORE_MIN ? 2 : 0);

const order = ({ change }: RankedPattern): number => (change.kind === "new" || change.kind === "more" ? 0 : change.kind === "usual" ? 2 : 1);

function changeOf(pattern: LogPattern, expected: number, score: number): Change {
  if (expected === 0) return { kind: "new", since: pattern.first };
  const times = pattern.count / expected;
  if (score < SCORE_MIN || (times < TIMES_MIN && times > 1 / TIMES_MIN)) return { kind: "usual" };
  return { kind: times > 1 ? "more" : "less", times };
}

/** The G statistic of a count against what was expected; what was never seen counts as half of one. */
function surprise(count: number, expected: number): number {
  const e = Math.max(expected, 0.5);
  return 2 * ((count > 0 ? count * Math.log(count / e) : 0) - (count - e));
}

/** As long a time before; what is usual is counted there. */
export const before = (range: Range): Range => ({ from: (range.from - widthOf(range)) as Nanos, to: range.from });
/** The first quarter: what is usual when nothing was stored before the range. */
export const firstQuarter = (range: Range): Range => ({ from: range.from, to: (range.from + widthOf(range) / 4n) as Nanos });

/** Template in pieces; every second one varies. */
export const pieces = (template: string): string[] => template.split(/(<_>)/);
