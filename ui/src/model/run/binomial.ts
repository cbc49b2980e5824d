/** Between which ranks of a sample a quantile of what it was drawn from lies. */

/** Two sides of 2.5 % each. */
const TAIL = 0.025;
const Z = 1.959964;
/** Expected exceedances from which the normal curve is close enough. */
const EXACT_BELOW = 400;

export interface Ranks {
  /** From 1; null when even the smallest or the largest of the sample does not bound it. */
  low: number | null;
  high: number | null;
}

/**
 * The ranks between which the `q` quantile lies with at least 95 % confidence, from `n` independent draws. How many draws exceed
 * it is binomial; counted exactly where few do, which is where percentiles of a tail are.
 */
export function orderRanks(n: number, q: number): Ranks {
  const above = n * (1 - q);
  const below = n * q;
  if (above < EXACT_BELOW) {
    const { least, most } = spread(n, 1 - q);
    return { low: n - most < 1 ? null : n - most, high: n - least + 1 > n ? null : n - least + 1 };
  }
  if (below < EXACT_BELOW) {
    const { least, most } = spread(n, q);
    return { low: least < 1 ? null : least, high: most + 1 > n ? null : most + 1 };
  }
  const half = Z * Math.sqrt(n * q * (1 - q));
  return { low: Math.max(1, Math.floor(below - half)), high: Math.min(n, Math.ceil(below + half) + 1) };
}

/** The counts of a rare thing between which 95 % lie: P(K < least) ≤ 2.5 %, P(K > most) ≤ 2.5 %. */
function spread(n: number, p: number): { least: number; most: number } {
  if (p <= 0) return { least: 0, most: 0 };
  // In logarithms: (1 − p)^n is smaller than any number for large n.
  let log = n * Math.log1p(-p);
  const odds = Math.log(p) - Math.log1p(-p);
  let [sum, least] = [0, -1];
  for (let k = 0; k <= n; k++) {
    sum += Math.exp(log);
    if (least < 0 && sum > TAIL) least = k;
    if (sum >= 1 - TAIL) return { least: Math.max(0, least), most: k };
    log += Math.log((n - k) / (k + 1)) + odds;
  }
  return { least: Math.max(0, least), most: n };
}
