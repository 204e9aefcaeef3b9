/**
 * Edit distance in which a swap of neighbours counts once (optimal string alignment).
 *
 * @param limit Gives up, returning `limit + 1`, when the distance is larger.
 */
export function editDistance(left: string, right: string, limit: number): number {
  if (Math.abs(left.length - right.length) > limit) return limit + 1;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const isSame = left[row - 1] === right[column - 1];
      let best = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (isSame ? 0 : 1),
      );
      const isSwap = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (row > 1 && column > 1 && isSwap) {
        best = Math.min(best, (beforePrevious[column - 2] ?? 0) + 1);
      }
      current.push(best);
    }
    if (Math.min(...current) > limit) return limit + 1;
    beforePrevious = previous;
    previous = current;
  }
  return previous[right.length] ?? 0;
}

/**
 * The known words that a mistyped one may have meant, nearest first: up to two edits away, fewer
 * for short words, or beginning with what was typed.
 */
export function nearestWords(word: string, known: readonly string[], most = 3): readonly string[] {
  if (word === "" || word.length > 64) return [];
  const typed = word.toLowerCase();
  const limit = typed.length <= 3 ? 1 : 2;
  return known
    .map((candidate) => {
      const lower = candidate.toLowerCase();
      const distance = editDistance(typed, lower, limit);
      return {
        candidate,
        distance: lower.startsWith(typed) ? Math.min(distance, limit) : distance,
      };
    })
    .filter(({ distance }) => distance <= limit)
    .sort((left, right) => left.distance - right.distance)
    .slice(0, most)
    .map(({ candidate }) => candidate);
}

/** The one nearest word, `undefined` where none is near. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  return nearestWords(word, known, 1)[0];
}
