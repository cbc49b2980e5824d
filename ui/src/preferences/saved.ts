/** Queries a browser keeps: the latest that were run, and those somebody gave a name. */

import { useSyncExternalStore } from "react";

export interface Saved {
  /** Empty for one that was only run. */
  name: string;
  text: string;
}

export type SavedKind = "logs" | "sql" | "promql";

const HISTORY_MAX = 30;
const keyOf = (kind: SavedKind) => `binnacle.saved.${kind}`;
const listeners = new Set<() => void>();
const cache = new Map<SavedKind, readonly Saved[]>();

const isSaved = (one: unknown): one is Saved =>
  typeof one === "object" && one !== null && "text" in one && typeof one.text === "string" && "name" in one && typeof one.name === "string";

function load(kind: SavedKind): readonly Saved[] {
  const known = cache.get(kind);
  if (known) return known;
  let kept: Saved[] = [];
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(keyOf(kind)) ?? "[]");
    if (Array.isArray(parsed)) kept = (parsed as unknown[]).filter(isSaved);
  } catch {
    // A browser that keeps nothing has no history.
  }
  cache.set(kind, kept);
  return kept;
}

function store(kind: SavedKind, saved: readonly Saved[]): void {
  cache.set(kind, saved);
  try {
    localStorage.setItem(keyOf(kind), JSON.stringify(saved));
  } catch {
    // It is still there until the page is closed.
  }
  for (const listener of listeners) listener();
}

/** With `text` as the latest of the history; what has a name stays in front of it. */
export function remembered(saved: readonly Saved[], text: string): Saved[] {
  const named = saved.filter((one) => one.name !== "");
  const history = saved.filter((one) => one.name === "" && one.text !== text);
  return [...named, { name: "", text }, ...history].slice(0, named.length + HISTORY_MAX);
}

/** With `text` under `name`; a name that is there already is replaced. */
export const named = (saved: readonly Saved[], name: string, text: string): Saved[] => [{ name, text }, ...saved.filter((one) => one.name !== name)];

export const remember = (kind: SavedKind, text: string): void => text.trim() === "" ? undefined : store(kind, remembered(load(kind), text));
export const saveAs = (kind: SavedKind, name: string, text: string): void => store(kind, named(load(kind), name, text));
export const forget = (kind: SavedKind, one: Saved): void => store(kind, load(kind).filter((other) => other !== one));

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useSaved = (kind: SavedKind): readonly Saved[] => useSyncExternalStore(subscribe, () => load(kind));
