/** Which alerts a silence hides. */

import type { SilenceMatcher } from "@/api/alertmanager";

/** Whether labels match all; a label that is missing is an empty text. A pattern must match the whole value. */
export function matchesAll(matchers: readonly SilenceMatcher[], labels: Readonly<Record<string, string>>): boolean {
  return matchers.every((matcher) => {
    const value = labels[matcher.name] ?? "";
    const hit = matcher.isRegex ? (patternOf(matcher.value)?.test(value) ?? false) : value === matcher.value;
    return hit === matcher.isEqual;
  });
}

export function patternOf(text: string): RegExp | null {
  try {
    return new RegExp(`^(?:${text})$`, "s");
  } catch {
    return null;
  }
}

/** `severity="page"`, `service=~"a|b"`. */
export const matcherText = ({ name, value, isRegex, isEqual }: SilenceMatcher): string => `${name}${isEqual ? (isRegex ? "=~" : "=") : isRegex ? "!~" : "!="}${JSON.stringify(value)}`;

/** Labels to silence by: those that say what it is, before those that say how badly. */
export function matchersFor(labels: Readonly<Record<string, string>>): { matcher: SilenceMatcher; chosen: boolean }[] {
  const chosen = labels.slo !== undefined ? ["slo"] : ["alertname", "service", "instance"];
  return Object.entries(labels).map(([name, value]) => ({ matcher: { name, value, isRegex: false, isEqual: true }, chosen: chosen.includes(name) }));
}

/** What keeps a silence from being made, in words. */
export function problemOf(matchers: readonly SilenceMatcher[], from: bigint, to: bigint, comment: string, createdBy: string): string | null {
  if (matchers.length === 0) return "Choose at least one label.";
  const wrong = matchers.find((matcher) => matcher.isRegex && patternOf(matcher.value) === null);
  if (wrong) return `“${wrong.value}” is no pattern.`;
  if (matchers.every((matcher) => (matcher.isEqual ? (matcher.isRegex ? patternOf(matcher.value)?.test("") : matcher.value === "") : false))) return "It would hide everything: choose a label with a value.";
  if (to <= from) return "It must end after it begins.";
  if (createdBy.trim() === "") return "Say who you are.";
  return comment.trim() === "" ? "Say why." : null;
}
