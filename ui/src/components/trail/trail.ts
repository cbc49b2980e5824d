/** The way from alert to cause: steps of this tab, each a title and the whole address that shows it again. */

import { useSyncExternalStore } from "react";
import { trailOf } from "./notes";

export interface Step {
  title: string;
  /** Path, query and fragment. */
  href: string;
  kind: string;
  /** ISO time of the visit. */
  at: string;
}

export interface Trail {
  steps: Step[];
  /** Index of the step looked at; later ones stay, dimmed. */
  current: number;
}

export const STEPS_MAX = 20;
const KEY = "binnacle.trail";
const NONE: Trail = { steps: [], current: -1 };

/** Pure: a visit adds a step after the current one, or returns to one that is there. */
export function visit(trail: Trail, step: Step): Trail {
  const there = trail.steps.findIndex((known) => sameThing(known, step));
  if (there >= 0) {
    const steps = trail.steps.map((known, index) => (index === there ? { ...step, at: known.at } : known));
    return { steps, current: there };
  }
  const steps = [...trail.steps, step].slice(-STEPS_MAX);
  return { steps, current: steps.length - 1 };
}

/** The same path is the same thing: its view may have changed. */
const sameThing = (a: Step, b: Step) => a.kind === b.kind && a.href.split(/[?#]/)[0] === b.href.split(/[?#]/)[0];

export const remove = (trail: Trail, index: number): Trail => {
  const steps = trail.steps.filter((_, i) => i !== index);
  return { steps, current: Math.min(trail.current > index ? trail.current - 1 : trail.current, steps.length - 1) };
};

let current = shared() ?? load();
const listeners = new Set<() => void>();

/** One that came with the link; taken out of the address, so that it is not taken again. */
function shared(): Trail | null {
  if (typeof window === "undefined") return null;
  const found = trailOf(window.location.hash);
  if (found) window.history.replaceState(window.history.state, "", window.location.pathname + window.location.search);
  return found;
}

function load(): Trail {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Trail | null;
    return kept && Array.isArray(kept.steps) ? kept : NONE;
  } catch {
    return NONE;
  }
}

function set(next: Trail): void {
  current = next;
  try {
    sessionStorage.setItem(KEY, JSON.stringify(next));
  } catch {
    // The trail is lost with the tab then.
  }
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

const here = () => window.location.pathname + window.location.search + window.location.hash;

export const trail = {
  get: (): Trail => current,
  /** Opens a trail or goes on with it, at the present address. Alerts start one by themselves; others by `p`. */
  pin: (title: string, kind: string) => set(visit(current, { title, kind, href: here(), at: new Date().toISOString() })),
  /** Goes on only when a trail is there. */
  follow: (title: string, kind: string) => {
    if (current.steps.length > 0) trail.pin(title, kind);
  },
  show: (index: number) => set({ ...current, current: index }),
  remove: (index: number) => set(remove(current, index)),
  replace: (next: Trail) => set(next),
  clear: () => set(NONE),
};

export const useTrail = (): Trail => useSyncExternalStore(subscribe, trail.get);
