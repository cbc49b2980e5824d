/** A service's colour: the same on every page and machine. It only helps the eye follow; the name always stands beside it. */

const SLOTS = 8;

/** FNV-1a, 32 bits, over UTF-8. */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

export const serviceSlot = (name: string): number => fnv1a32(name) % SLOTS;
/** For CSS and SVG: `var(--c3)`. */
export const serviceColour = (name: string): string => `var(--c${serviceSlot(name)})`;
/** The name of the token, for canvas: `--c3`. */
export const serviceToken = (name: string): string => `--c${serviceSlot(name)}`;
