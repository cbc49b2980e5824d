/** Which alerts a message tells of: by what its body says, else by what is known of now. */

import { type Delivery, tellsOf } from "@/api/deliveries";

export interface Subject {
  /** Null when only its group is known: no page to open. */
  fingerprint: string | null;
  name: string;
}

type Told = { fingerprint?: unknown; labels?: Record<string, unknown>; annotations?: Record<string, unknown> };

const text = (value: unknown): string => (typeof value === "string" ? value : "");

export function subjectsOf(delivery: Pick<Delivery, "body" | "group_key">, known: readonly { fingerprint: string; summary: string }[]): Subject[] {
  const told = toldIn(delivery.body);
  if (told.length > 0) return told;
  const found = known.filter((alert) => tellsOf(delivery, alert.fingerprint));
  return found.length > 0 ? found.map((alert) => ({ fingerprint: alert.fingerprint, name: alert.summary })) : [{ fingerprint: null, name: groupOf(delivery.group_key) }];
}

/** A webhook's message lists its alerts; other formats are texts. */
function toldIn(body: string): Subject[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return [];
  }
  const alerts = typeof parsed === "object" && parsed !== null && "alerts" in parsed && Array.isArray(parsed.alerts) ? (parsed.alerts as Told[]) : [];
  return alerts.flatMap(({ fingerprint, labels = {}, annotations = {} }) => {
    const print = text(fingerprint);
    return print === "" ? [] : [{ fingerprint: print, name: text(annotations.summary) || text(labels.slo) || text(labels.alertname) || print }];
  });
}

/** `{}:{alertname="SLOBurnRate", slo="checkout"}` without the route: `alertname="SLOBurnRate", slo="checkout"`. */
function groupOf(key: string): string {
  const labels = key.slice(key.lastIndexOf(":{") + 1).replace(/^\{|\}$/g, "");
  return labels === "" ? "all alerts of the route" : labels;
}
