/** What a browser remembers for its user; nothing here changes what a link shows. */

import { useSyncExternalStore } from "react";
import type { RangeText } from "@/model/range";
import type { Zone } from "@/model/time";

export interface Preferences {
  theme: "system" | "light" | "dark";
  zone: Zone;
  rows: "compact" | "normal" | "roomy";
  navigation: "auto" | "open" | "folded";
  /** Whether single keys such as `g o` do something. */
  singleKeys: boolean;
  tenant: string;
  recentRanges: RangeText[];
}

/** Of what is sent without a name. */
export const DEFAULT_TENANT = "default";

/** Whether the server takes this as the name of a tenant. */
export const isTenant = (text: string): boolean => /^[A-Za-z0-9_.-]{1,64}$/.test(text) && text !== "." && text !== "..";

const DEFAULTS: Preferences = {
  theme: "system", zone: "UTC", rows: "normal", navigation: "auto", singleKeys: true, tenant: DEFAULT_TENANT, recentRanges: [],
};
const KEY = "binnacle.preferences";

let current: Preferences = load();
const listeners = new Set<() => void>();

function load(): Preferences {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return typeof kept === "object" && kept !== null ? { ...DEFAULTS, ...kept } : DEFAULTS;
  } catch {
    return DEFAULTS;
  }
}

export const preferences = (): Preferences => current;

export function setPreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // A browser that keeps nothing still shows the choice until it is closed.
  }
  applyToDocument();
  for (const listener of listeners) listener();
}

/** Puts theme and row height on the document, where tokens.css reads them. */
export function applyToDocument(): void {
  const root = document.documentElement;
  if (current.theme === "system") delete root.dataset.theme;
  else root.dataset.theme = current.theme;
  root.style.setProperty("--row", { compact: "24px", normal: "28px", roomy: "38px" }[current.rows]);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const usePreferences = (): Preferences => useSyncExternalStore(subscribe, preferences);
export const useZone = (): Zone => usePreferences().zone;
