/** State in words, tones and shapes. Each of the three is enough by itself. */

/** A colour's meaning. `none` is calm grey. */
export type Tone = "good" | "warn" | "bad" | "hold" | "none";

/** Burn rate of a tier from its two windows. */
export type BurnWord = "critical" | "increasing" | "recovering" | "acceptable";

export function burnWord(longOver: boolean, shortOver: boolean): BurnWord {
  if (longOver && shortOver) return "critical";
  if (shortOver) return "increasing";
  return longOver ? "recovering" : "acceptable";
}

/** The tone of a budget: by what is left (1 is all), what fires, and whether it is held. */
export function budgetTone(left: number | null, firing: "page" | "ticket" | null, held: boolean): Tone {
  if (held || left === null) return "hold";
  if (firing === "page" || left <= 0) return "bad";
  return firing === "ticket" || left < 0.5 ? "warn" : "good";
}

/** What the server calls the quality of a window, and whether figures may be believed. */
export const DATA_STATES: Record<string, { word: string; tone: Tone; meaning: string }> = {
  measured: { word: "measured", tone: "good", meaning: "Everything expected has arrived." },
  no_traffic: { word: "no traffic", tone: "hold", meaning: "Senders report, but there was no event." },
  low_coverage: { word: "low coverage", tone: "hold", meaning: "Less than 90 % of the window was measured, since the server was down." },
  no_telemetry: { word: "no telemetry", tone: "hold", meaning: "Nothing arrives from those who sent the events." },
  stale: { word: "stale", tone: "hold", meaning: "Events are counted up to too long ago." },
  query_error: { word: "query error", tone: "hold", meaning: "The events could not be counted." },
};

export type AlertState = "firing" | "pending" | "held" | "resolved" | "inactive";

/** The words for an alert's state, on every page. What the server calls inactive has ended, or never began. */
const ALERT_WORDS: Partial<Record<string, string>> = { firing: "firing", pending: "pending", held: "held", resolved: "resolved", inactive: "resolved" };
export const alertWord = (state: string): string => ALERT_WORDS[state] ?? state.replaceAll("_", " ");
/** Of a rule none of whose alerts is anything. */
export const QUIET = "not firing";

export function alertTone(state: AlertState, severity: string): Tone {
  if (state === "held") return "hold";
  if (state === "firing") return severity === "page" || severity === "critical" ? "bad" : "warn";
  return state === "pending" ? "warn" : "none";
}

/** Six fixed steps. */
export type SeverityName = "trace" | "debug" | "info" | "warn" | "error" | "fatal";

/** Of an OpenTelemetry severity number; 0 says nothing. */
export function severityName(number: number): SeverityName | null {
  const names = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
  return number < 1 || number > 24 ? null : (names[Math.floor((number - 1) / 4)] ?? null);
}

/** Span status: 0 unset, 1 ok, 2 error. */
export const statusWord = (code: number): "unset" | "ok" | "error" => (code === 2 ? "error" : code === 1 ? "ok" : "unset");
/** Span kind of OTLP: 1 internal to 5 consumer. */
export const kindWord = (kind: number): string => ["unspecified", "internal", "server", "client", "producer", "consumer"][kind] ?? "unspecified";
