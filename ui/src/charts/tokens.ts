/** Tokens as values, for canvas: read again when the theme changes. */

import { useSyncExternalStore } from "react";
import { usePreferences } from "@/preferences/preferences";

const dark = typeof window === "undefined" ? null : window.matchMedia("(prefers-color-scheme: dark)");

function subscribe(listener: () => void): () => void {
  dark?.addEventListener("change", listener);
  return () => dark?.removeEventListener("change", listener);
}

export type Tokens = (name: string) => string;

/** `tokens("--bad")`; a new function when the theme changed, so that drawings depend on it. */
export function useTokens(): Tokens {
  const { theme } = usePreferences();
  const system = useSyncExternalStore(subscribe, () => dark?.matches ?? false);
  const key = theme === "system" ? String(system) : theme;
  return readers[key === "dark" || key === "true" ? 1 : 0];
}

const reader = (): Tokens => (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const readers = [reader(), reader()] as const;

/** Colours of lines that are no service: accent first, then the services' palette. */
export const LINE_TOKENS = ["--accent", "--c1", "--c2", "--c3", "--c6", "--c0", "--c5", "--c4", "--c7"] as const;
export const lineToken = (index: number): string => LINE_TOKENS[index % LINE_TOKENS.length] ?? "--accent";
