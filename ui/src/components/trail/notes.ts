/** The trail as Markdown: the first draft of an incident report. */

import type { Trail } from "./trail";

/** A title in Markdown: nothing in it is markup. */
const plain = (text: string): string => text.replaceAll(/([\\[\]`*_<>|])/g, "\\$1");

export function notesOf({ steps }: Trail, origin: string): string {
  const first = steps[0];
  if (!first) return "";
  const lines = steps.map((step) => `1. ${step.at.slice(11, 16)} [${plain(step.title)}](${origin}${step.href})`);
  return [`# ${plain(first.title)}`, "", `${first.at.slice(0, 10)}, times in UTC, as looked at:`, "", ...lines, ""].join("\n");
}

/** For a shared link's fragment, which no server sees. */
export function fragmentOf(trail: Trail): string {
  const bytes = new TextEncoder().encode(JSON.stringify(trail));
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return `trail=${btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/** The trail of a fragment; null when there is none that can be read. */
export function trailOf(fragment: string): Trail | null {
  const encoded = /(?:^#?|&)trail=([\w-]+)/.exec(fragment)?.[1];
  if (encoded === undefined) return null;
  try {
    const text = atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
    const trail: unknown = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    return isTrail(trail) ? trail : null;
  } catch {
    return null;
  }
}

function isTrail(value: unknown): value is Trail {
  if (typeof value !== "object" || value === null) return false;
  const { steps, current } = value as Partial<Trail>;
  const isStep = (step: unknown) => {
    if (typeof step !== "object" || step === null) return false;
    const { title, href, kind, at } = step as Record<string, unknown>;
    // A path of ours, never another site's address.
    return [title, kind, at].every((text) => typeof text === "string") && typeof href === "string" && /^\/(?!\/)/.test(href);
  };
  return Array.isArray(steps) && steps.length <= 20 && steps.every(isStep) && typeof current === "number";
}
