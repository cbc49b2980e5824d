/** Keys of the page: registered by whoever acts on them, listed by `?`. */

import { useEffect, useRef, useSyncExternalStore } from "react";
import { preferences } from "@/preferences/preferences";

export interface Binding {
  /** `c`, `Shift-C`, `Ctrl-Enter`, `ArrowLeft`, or two in a row: `g o`. */
  keys: string;
  /** What it does, as `?` lists it. */
  does: string;
  run: () => void;
  /** Of the whole app, not of this page. */
  global?: boolean;
}

let bindings: readonly Binding[] = [];
const listeners = new Set<() => void>();
const announce = (next: readonly Binding[]) => {
  bindings = next;
  for (const listener of listeners) listener();
};

/** The pressed key in the notation of bindings. */
export function nameOf(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">): string {
  const letter = /^[a-z]$/i.test(event.key);
  const modifiers = [
    ...(event.ctrlKey || event.metaKey ? ["Ctrl"] : []),
    ...(event.altKey ? ["Alt"] : []),
    // `?` and `+` are what Shift made of a key; letters and arrows keep it.
    ...(event.shiftKey && (letter || event.key.length > 1) ? ["Shift"] : []),
  ];
  const key = letter ? (event.shiftKey ? event.key.toUpperCase() : event.key.toLowerCase()) : event.key === " " ? "Space" : event.key;
  return [...modifiers, key].join("-");
}

/** Boxes to tick take no text. */
const TICKED = /^(checkbox|radio|button|submit)$/;
const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName) || (target instanceof HTMLInputElement && !TICKED.test(target.type)));

let pending: { key: string; at: number } | null = null;

/** Two keys belong together for this long. */
const SEQUENCE_MS = 1200;

export function handleKey(event: KeyboardEvent): void {
  const pressed = nameOf(event);
  const single = !event.ctrlKey && !event.metaKey && !event.altKey && event.key !== "Escape";
  if (event.defaultPrevented || (single && (isTyping(event.target) || !preferences().singleKeys))) return;
  const sequence = pending && event.timeStamp - pending.at < SEQUENCE_MS ? `${pending.key} ${pressed}` : null;
  pending = null;
  // The page's own come before the app's, the latest first.
  const find = (keys: string) => bindings.findLast((b) => b.keys === keys && !b.global) ?? bindings.findLast((b) => b.keys === keys);
  const binding = (sequence && find(sequence)) || find(pressed);
  if (binding) {
    event.preventDefault();
    binding.run();
  } else if (bindings.some((b) => b.keys.startsWith(`${pressed} `))) {
    pending = { key: pressed, at: event.timeStamp };
  }
}

/** Registers keys while the component is shown. `run` may change from render to render; `keys` and `does` are read once per change. */
export function useKeys(own: Binding[]): void {
  const latest = useRef(own);
  useEffect(() => {
    latest.current = own;
  });
  const signature = own.map((b) => `${b.keys}\t${b.does}`).join("\n");
  useEffect(() => {
    const mine = latest.current.map((b, index) => ({ ...b, run: () => latest.current[index]?.run() }));
    announce([...bindings, ...mine]);
    return () => announce(bindings.filter((b) => !mine.includes(b)));
  }, [signature]);
}

export const useBindings = (): readonly Binding[] =>
  useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, () => bindings);
