/** Names that look like a mistyped one: by the pairs of letters they share. */

const pairs = (name: string): Set<string> => new Set(Array.from({ length: Math.max(0, name.length - 1) }, (_, i) => name.slice(i, i + 2).toLowerCase()));

/** At most three, the most similar first. */
export function nearest(name: string, all: readonly string[]): string[] {
  const mine = pairs(name);
  const scored = all.map((other) => {
    const theirs = pairs(other);
    const shared = [...mine].filter((pair) => theirs.has(pair)).length;
    return { other, score: (2 * shared) / Math.max(1, mine.size + theirs.size) };
  });
  return scored.filter(({ score }) => score > 0.45).sort((a, b) => b.score - a.score).slice(0, 3).map(({ other }) => other);
}
