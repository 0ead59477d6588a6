/** The name closest to `name` by edit distance, where one is close enough to be meant. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && Math.floor(best.distance) <= Math.max(2, name.length / 2)
    ? best.candidate
    : undefined;
}

/**
 * Levenshtein distance, row by row. Of replacements the one by a neighbouring character counts as a
 * trifle less: 4 is what is meant by 5, not 1.
 */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const apart = Math.abs(a.charCodeAt(i - 1) - b.charCodeAt(j - 1));
      const replaced = row[j - 1]! + (apart === 0 ? 0 : 1 + apart / 1e6);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
