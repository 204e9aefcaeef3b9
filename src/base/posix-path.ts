/**
 * `path.Clean` of Go, which Docker applies to every path it is given: the shortest equivalent
 * without `.`, `..`, double and trailing slashes; the empty path is `.`.
 */
export function cleanPath(path: string): string {
  const isAbsolute = path.startsWith("/");
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!isAbsolute) kept.push("..");
  }
  const joined = kept.join("/");
  if (isAbsolute) return `/${joined}`;
  return joined === "" ? "." : joined;
}
