import { messageOf } from "#base/errors.ts";

/** `open PATH: no such file or directory`, as Go says it. */
export function openFailure(path: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return `open ${path}: no such file or directory`;
  if (code === "EACCES") return `open ${path}: permission denied`;
  if (code === "EISDIR") return `read ${path}: is a directory`;
  return `open ${path}: ${messageOf(error)}`;
}
