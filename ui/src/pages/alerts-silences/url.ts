import { type Codec, text } from "@/model/url";

export interface View {
  /** Fingerprint of the alert to be silenced. */
  alert: string;
  /** Labels of a new silence, as matchers: `service="checkout"`. */
  new: string;
}

export const codec: Codec<View> = { alert: text(), new: text() };

type Labels = Record<string, string>;
/** What a new silence may name, before anything is known. */
export const BLANK: Labels = { alertname: "", service: "", slo: "", severity: "" };

/** The labels that a link fills in; null when it fills in none, or its alert is not there. */
export function labelsOf(view: View, alerts: readonly { fingerprint: string; labels: Labels }[]): Labels | null {
  if (view.alert !== "") return alerts.find((one) => one.fingerprint === view.alert)?.labels ?? null;
  const pairs = [...view.new.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name ?? "", (value ?? "").replaceAll(/\\(.)/g, "$1")] as const);
  return pairs.length === 0 ? null : { ...BLANK, ...Object.fromEntries(pairs) };
}
