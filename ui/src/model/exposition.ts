/** Prometheus text exposition, as `/metrics` writes it: samples, sums over labels, quantiles of classic histograms. */

export interface Exposed {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

type Labels = Record<string, string>;

/** Every sample; lines that are none (comments, what is malformed) are left out. */
export function parseExposition(text: string): Exposed[] {
  return text.split("\n").flatMap((line) => {
    const sample = parseLine(line.trim());
    return sample ? [sample] : [];
  });
}

function parseLine(line: string): Exposed | null {
  const head = /^([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{)?/.exec(line);
  const name = head?.[1];
  if (!head || name === undefined) return null;
  const labels: Labels = {};
  let rest = line.slice(head[0].length);
  if (head[2]) {
    const pair = /^\s*,?\s*([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/;
    for (let found = pair.exec(rest); found; found = pair.exec(rest)) {
      labels[found[1] ?? ""] = unescaped(found[2] ?? "");
      rest = rest.slice(found[0].length);
    }
    const end = /^\s*,?\s*\}/.exec(rest);
    if (!end) return null;
    rest = rest.slice(end[0].length);
  }
  const value = numberOf(rest.trim().split(/\s+/)[0] ?? "");
  return value === null ? null : { name, labels, value };
}

const unescaped = (text: string): string => text.replaceAll(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));

function numberOf(text: string): number | null {
  if (/^[+-]?Inf$/.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  if (text === "NaN") return NaN;
  return text !== "" && !Number.isNaN(Number(text)) ? Number(text) : null;
}

const has = (sample: Exposed, wanted: Labels): boolean => Object.entries(wanted).every(([name, value]) => sample.labels[name] === value);

/** Sum of a name's samples that have these labels; null when there is none, which is not zero. */
export function total(samples: readonly Exposed[], name: string, labels: Labels = {}): number | null {
  const found = samples.filter((sample) => sample.name === name && has(sample, labels));
  return found.length === 0 ? null : found.reduce((sum, sample) => sum + sample.value, 0);
}

/** Sums by the value of one label. */
export function totalsBy(samples: readonly Exposed[], name: string, label: string): Map<string, number> {
  const sums = new Map<string, number>();
  for (const sample of samples) {
    if (sample.name !== name) continue;
    const key = sample.labels[label] ?? "";
    sums.set(key, (sums.get(key) ?? 0) + sample.value);
  }
  return sums;
}

/**
 * A quantile of the classic histogram `name`, linear within its bucket, as `histogram_quantile` has it; null when nothing was
 * observed. What lies above the last bound is said to be that bound.
 */
export function bucketQuantile(samples: readonly Exposed[], name: string, q: number, labels: Labels = {}): number | null {
  const counts = new Map<number, number>();
  for (const sample of samples) {
    const bound = numberOf(sample.labels.le ?? "");
    if (sample.name !== `${name}_bucket` || bound === null || !has(sample, labels)) continue;
    counts.set(bound, (counts.get(bound) ?? 0) + sample.value);
  }
  const buckets = [...counts].sort(([a], [b]) => a - b);
  const all = buckets.at(-1)?.[1] ?? 0;
  if (all <= 0) return null;
  const rank = q * all;
  let [below, belowCount] = [0, 0];
  for (const [bound, count] of buckets) {
    if (count >= rank) return bound === Infinity ? below : below + (bound - below) * ((rank - belowCount) / Math.max(count - belowCount, Number.MIN_VALUE));
    [below, belowCount] = [bound, count];
  }
  return below;
}
