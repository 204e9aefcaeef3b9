/** What the comments above an instruction say of a name: those that begin with it; undefined for nothing. */
export function describedBy(comments: readonly string[], name: string): string | undefined {
  if (name === "") return undefined;
  for (const line of comments) {
    const [, word, rest] = /^(\S+)\s+(.*\S)\s*$/.exec(line) ?? [];
    if (word?.toLowerCase() === name.toLowerCase()) return rest;
  }
  return undefined;
}
