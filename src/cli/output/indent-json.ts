/**
 * Lays JSON text out over lines like Go's `json.Indent`: nothing but blanks between tokens changes,
 * so numbers, escapes and the order of keys stay as the engine sent them.
 *
 * @param prefix Put before every line but the first.
 */
export function indentJson(text: string, prefix: string, indent: string): string {
  const parts: string[] = [];
  let depth = 0;
  const breakLine = (): void => {
    parts.push(`\n${prefix}${indent.repeat(depth)}`);
  };
  // strings, punctuation, everything else that is not blank
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;
  let previous = "";
  for (const [token] of text.matchAll(tokens)) {
    const opened = previous === "{" || previous === "[";
    if (token === "}" || token === "]") {
      depth -= 1;
      if (!opened) breakLine();
    } else if (opened) breakLine();
    parts.push(token);
    if (token === "{" || token === "[") depth += 1;
    else if (token === ",") breakLine();
    else if (token === ":") parts.push(" ");
    previous = token;
  }
  return parts.join("");
}

/** The same text without blanks between tokens. */
export function compactJson(text: string): string {
  return text.replaceAll(
    /("(?:[^"\\]|\\.)*")|\s+/g,
    (_match, quoted: string | undefined) => quoted ?? "",
  );
}
