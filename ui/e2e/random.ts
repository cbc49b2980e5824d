/** Numbers that look random and are the same for a seed. */

export interface Random {
  /** In [0, 1). */
  next: () => number;
  between: (low: number, high: number) => number;
  /** Log-normal around `median`: how latencies lie. */
  latency: (median: number, spread?: number) => number;
  pick: <T>(items: readonly T[]) => T;
  hex: (bytes: number) => string;
}

export function random(...seeds: number[]): Random {
  let state = seeds.reduce((hash, seed) => Math.imul(hash ^ (seed >>> 0), 0x9e3779b1) + 0x85ebca6b, 0x2545f491) >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return {
    next,
    between: (low, high) => low + (high - low) * next(),
    latency: (median, spread = 0.35) => median * Math.exp(normal() * spread),
    pick: (items) => items[Math.floor(next() * items.length)] as (typeof items)[number],
    hex: (bytes) => Array.from({ length: bytes * 2 }, () => Math.floor(next() * 16).toString(16)).join(""),
  };
}
