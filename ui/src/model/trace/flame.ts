/** A flame graph's boxes: each as wide as its time, below the one it was called from. */

export interface FlameIn {
  parent: number | null;
  /** ns, in it and below. */
  total: number;
  /** ns, in it alone. */
  self: number;
}

export interface Box {
  node: number;
  depth: number;
  /** Shares of the focus's width. */
  x: number;
  width: number;
}

/** Narrower boxes cannot be seen, nor what is above them. */
const LEAST = 0.0005;

/**
 * Boxes with `focus` as wide as all; null shows every root. Nodes come parents first. Children side by side may take longer than
 * their parent: then they share its width in proportion.
 */
export function boxesOf(nodes: readonly FlameIn[], focus: number | null): Box[] {
  const children = new Map<number, number[]>();
  nodes.forEach((node, i) => {
    const key = node.parent ?? -1;
    const list = children.get(key);
    if (list) list.push(i);
    else children.set(key, [i]);
  });
  const boxes: Box[] = [];
  const total = (i: number) => nodes[i]?.total ?? 0;
  const ancestors: number[] = [];
  for (let up = focus === null ? null : (nodes[focus]?.parent ?? null); up !== null; up = nodes[up]?.parent ?? null) ancestors.unshift(up);
  ancestors.forEach((node, depth) => boxes.push({ node, depth, x: 0, width: 1 }));
  const open: { list: number[]; depth: number; x: number; width: number; all: number }[] = [];
  const roots = focus === null ? (children.get(-1) ?? []) : [focus];
  const sum = (list: number[]) => list.reduce((all, i) => all + total(i), 0);
  open.push({ list: roots, depth: ancestors.length, x: 0, width: 1, all: sum(roots) });
  for (let level = open.pop(); level; level = open.pop()) {
    let { x } = level;
    for (const node of level.list) {
      const width = level.all === 0 ? 0 : (total(node) / level.all) * level.width;
      if (width >= LEAST) {
        boxes.push({ node, depth: level.depth, x, width });
        const below = children.get(node);
        if (below) open.push({ list: below, depth: level.depth + 1, x, width, all: Math.max(total(node), sum(below)) });
      }
      x += width;
    }
  }
  return boxes;
}
