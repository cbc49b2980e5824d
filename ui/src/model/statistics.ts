/** The little statistics that pages need to say how sure they are. */

/** Wilson's interval of a share, 95 % unless `z` says otherwise; from 0 to 1. */
export function wilson(hits: number, of: number, z = 1.959964): [number, number] {
  if (of <= 0) return [0, 1];
  const p = Math.min(1, Math.max(0, hits / of));
  const base = 1 + (z * z) / of;
  const middle = (p + (z * z) / (2 * of)) / base;
  const half = (z / base) * Math.sqrt((p * (1 - p)) / of + (z * z) / (4 * of * of));
  return [hits <= 0 ? 0 : Math.max(0, middle - half), hits >= of ? 1 : Math.min(1, middle + half)];
}

export interface Tally {
  bad: number;
  total: number;
}

export interface Change {
  /** Index of the first tally after the change. */
  index: number;
  before: Tally;
  after: Tally;
}

/** Twice the log likelihood ratio above which a change is more than chance, over some hundreds of places to look. */
const CHANGE_MIN = 20;

/** Where the share of bad events rose for good: the split that explains the tallies best, when that is more than chance. */
export function risenAt(tallies: readonly Tally[]): Change | null {
  const all = sum(tallies);
  let best: Change | null = null;
  let most = CHANGE_MIN;
  const before: Tally = { bad: 0, total: 0 };
  tallies.forEach((tally, index) => {
    const after = { bad: all.bad - before.bad, total: all.total - before.total };
    if (before.total > 0 && after.total > 0 && after.bad / after.total > before.bad / before.total) {
      const gain = 2 * (fit(before) + fit(after) - fit(all));
      if (gain > most) [most, best] = [gain, { index, before: { ...before }, after }];
    }
    before.bad += tally.bad;
    before.total += tally.total;
  });
  return best;
}

export const sum = (tallies: readonly Tally[]): Tally =>
  tallies.reduce<Tally>((all, one) => ({ bad: all.bad + one.bad, total: all.total + one.total }), { bad: 0, total: 0 });

/** Log likelihood of events that are bad at their own rate. */
function fit({ bad, total }: Tally): number {
  const part = (n: number) => (n > 0 ? n * Math.log(n / total) : 0);
  return part(bad) + part(total - bad);
}
