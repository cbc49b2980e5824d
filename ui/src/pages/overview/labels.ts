/** Places of the labels of a card's small chart. */

/** About a character's width. */
const CHARACTER = 6.2;

export interface Label {
  x: number;
  anchor: "start" | "end";
}

/** Where the labels of the deploy and of the step stand, so that neither is cut at an edge nor lies on the other: the step's right of its place or at the edge, the deploy's left of its line or right of it, alone. */
export function labelsOf(deploy: { x: number; words: string } | null, onset: { x: number; words: string } | null, width: number): { deploy: Label | null; onset: Label | null } {
  const wide = (words: string) => words.length * CHARACTER;
  const before = deploy !== null && deploy.x - 4 - wide(deploy.words) >= 0;
  if (!onset || (deploy && !before)) return { deploy: deploy && { x: before ? deploy.x - 4 : deploy.x + 4, anchor: before ? "end" : "start" }, onset: null };
  const fits = onset.x + 6 + wide(onset.words) <= width;
  const left = fits ? onset.x + 6 : width - wide(onset.words);
  return { deploy: deploy && { x: Math.min(deploy.x, left) - 4, anchor: "end" }, onset: fits ? { x: left, anchor: "start" } : { x: width, anchor: "end" } };
}
