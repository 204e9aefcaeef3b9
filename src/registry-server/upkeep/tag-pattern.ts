/** Patterns of tags: `*` stands for any letters, all else for itself. */
const PATTERN = /^[a-zA-Z0-9._*-]{1,128}$/;

export function isTagPattern(text: string): boolean {
  return PATTERN.test(text);
}

export function matchesTagPattern(pattern: string, tag: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return tag === first;
  if (!tag.startsWith(first) || tag.length < first.length + last.length) return false;
  let at = first.length;
  const end = tag.length - last.length;
  for (const part of rest) {
    const found = tag.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return tag.endsWith(last);
}
