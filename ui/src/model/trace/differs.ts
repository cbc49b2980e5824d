/** Which differences between two sets of spans are worth a line beside one of them. */

export interface DifferenceIn {
  name: string;
  selection: number;
  baseline: number;
  q_value: number;
  effect: number;
  values: readonly { value?: unknown; selection: number; baseline: number; difference: number }[];
}

export interface Differing {
  /** As TraceQL writes it, and without its scope. */
  name: string;
  key: string;
  /** Of this span. */
  value: unknown;
  /** What others mostly have; undefined where they mostly have it not. */
  was: unknown;
}

const SIGNIFICANT = 0.01;
const TELLING = 0.2;

/**
 * Attributes that this span has with a value that is more frequent among its like than among the others. What only failed spans can
 * have (an exception's message) tells nothing: others must have the attribute, too.
 */
export function differing(differences: readonly DifferenceIn[], attributes: Record<string, unknown>, resource: Record<string, unknown>): Differing[] {
  return differences.flatMap(({ name, q_value, baseline, values }): Differing[] => {
    const [, scope, key] = /^(span|resource)\.(.+)$/.exec(name) ?? [];
    if (key === undefined || q_value > SIGNIFICANT || baseline === 0) return [];
    const value = (scope === "span" ? attributes : resource)[unquoted(key)];
    const mine = values.find((one) => one.difference >= TELLING && same(one.value, value));
    if (value === undefined || !mine) return [];
    const usual = [...values].sort((a, b) => b.baseline - a.baseline)[0];
    return [{ name, key: unquoted(key), value, was: usual && usual.baseline > 0 && !same(usual.value, value) ? usual.value : undefined }];
  });
}

const unquoted = (key: string) => (key.startsWith('"') ? key.slice(1, -1).replaceAll('\\"', '"') : key);
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** A value of an attribute as one line. */
export const valueText = (value: unknown): string => (typeof value === "string" ? value : value === undefined ? "–" : JSON.stringify(value));

/** A span's status as words. */
export const statusWord = (code: string): string => ({ error: "failed", ok: "ok", unset: "not set" })[code] ?? code;
