/** The six severities: order, words, colours. */

export const SEVERITIES = ["fatal", "error", "warn", "info", "debug", "trace"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** The class of a severity as the server names it; other words count as none. */
export const severityOf = (name: string): Severity | "" => SEVERITIES.find((one) => one === name) ?? "";

export const severityWord = (name: string): string => (name === "" ? "–" : name.toUpperCase());
/** For CSS; what has no severity is grey. */
export const severityColour = (name: string): string => (severityOf(name) === "" ? "var(--line-strong)" : `var(--sev-${name})`);
/** From the bottom of a bar up: what is quiet first, so that what is loud stands on top. */
export const STACK = ["", "trace", "debug", "info", "warn", "error", "fatal"] as const;
