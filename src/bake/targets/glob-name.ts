/** Whether a name matches a pattern with `*`, `?` and `[…]`, none of which matches a slash. */
export function isGlobMatch(pattern: string, name: string): boolean {
  const source = pattern
    .split(/(\*|\?|\[\^?[^\]]*\])/)
    .map((part) => {
      if (part === "*") return "[^/]*";
      if (part === "?") return "[^/]";
      if (/^\[.*\]$/.test(part)) return part.replaceAll("\\", "\\\\");
      return RegExp.escape(part);
    })
    .join("");
  return new RegExp(`^${source}$`, "u").test(name);
}

export function isGlob(text: string): boolean {
  return /[*?[\]]/.test(text);
}
