/** Where panels stand: a grid of twelve columns, in which everything falls upward until it meets something. */

import { COLUMNS, HEIGHT_MAX, type Panel } from "./document";

export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** One row of the grid in px, and the gap between panels. */
export const ROW = 28;
export const GAP = 12;

/** Height in px of a panel of `h` rows. */
export const heightOf = (h: number): number => h * ROW + (h - 1) * GAP;

export const collides = (a: Box, b: Box): boolean => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value));

/** Within the grid; least sizes keep a panel's head readable. */
export function fit(box: Box): Box {
  const w = clamp(Math.round(box.w), 2, COLUMNS);
  const h = clamp(Math.round(box.h), 2, HEIGHT_MAX);
  return { x: clamp(Math.round(box.x), 0, COLUMNS - w), y: Math.max(0, Math.round(box.y)), w, h };
}

/** Reading order. */
export const inOrder = <T extends Box>(panels: readonly T[]): T[] => [...panels].sort((a, b) => a.y - b.y || a.x - b.x);

/** Every panel as high as it can stand. `first` is placed before what begins in the same row, so that the moved one wins. */
export function compact<T extends Box & { id: string }>(panels: readonly T[], first?: string): T[] {
  const order = [...panels].sort((a, b) => a.y - b.y || Number(b.id === first) - Number(a.id === first) || a.x - b.x);
  const placed: T[] = [];
  for (const panel of order) {
    let y = 0;
    for (;;) {
      const hit = placed.find((other) => collides({ ...panel, y }, other));
      if (!hit) break;
      y = hit.y + hit.h;
    }
    placed.push({ ...panel, y });
  }
  return panels.map((panel) => placed.find((one) => one.id === panel.id) ?? panel);
}

/** The panel with a new box; the others make room. */
export function moved(panels: readonly Panel[], id: string, box: Partial<Box>): Panel[] {
  return compact(panels.map((panel) => (panel.id === id ? { ...panel, ...fit({ ...panel, ...box }) } : panel)), id);
}

/** Swaps places downward: what a step down by key means, since a panel falls back up into free room. */
export function stepped(panels: readonly Panel[], id: string, direction: "left" | "right" | "up" | "down"): Panel[] {
  const panel = panels.find((one) => one.id === id);
  if (!panel) return [...panels];
  if (direction === "left" || direction === "right") return moved(panels, id, { x: panel.x + (direction === "left" ? -1 : 1) });
  if (direction === "up") {
    const above = panels.filter((one) => one.id !== id && one.y < panel.y && one.x < panel.x + panel.w && panel.x < one.x + one.w).sort((a, b) => b.y + b.h - (a.y + a.h))[0];
    return above ? moved(panels, id, { y: above.y }) : [...panels];
  }
  const below = inOrder(panels.filter((one) => one.id !== id && one.y >= panel.y + panel.h && one.x < panel.x + panel.w && panel.x < one.x + one.w))[0];
  return below ? moved(moved(panels, below.id, { y: panel.y }), id, { y: panel.y + below.h }) : [...panels];
}

/** The first free place for a new panel. */
export function freePlace(panels: readonly Box[], w: number, h: number): Box {
  for (let y = 0; ; y++) {
    for (let x = 0; x + w <= COLUMNS; x++) if (!panels.some((one) => collides(one, { x, y, w, h }))) return { x, y, w, h };
  }
}
