import { cleanPath } from "#base/posix-path.ts";

/*
 * What `cp` makes of its paths, as Docker has it. A slash or `/.` at the end of a path says that it is a folder,
 * the latter that its content is meant rather than itself; whatever cleans a path has to keep that.
 */

/** One argument of `cp`. */
export interface CopyArgument {
  readonly container?: string;
  readonly path: string;
}

/** `CONTAINER:PATH`, unless it begins with a slash or a dot: then a colon is part of a local name. */
export function splitCopyArgument(text: string): CopyArgument {
  if (text.startsWith("/")) return { path: text };
  const colon = text.indexOf(":");
  if (colon < 1 || text.startsWith(".")) return { path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

/** Absolute, with the ending that `path` has. */
export function absolutePath(path: string, workingDirectory: string): string {
  const clean = cleanPath(path.startsWith("/") ? path : `${workingDirectory}/${path}`);
  return keepEnding(clean, path);
}

export function keepEnding(clean: string, original: string): string {
  if (isContentOnly(original) && !isContentOnly(clean)) {
    return clean.endsWith("/") ? `${clean}.` : `${clean}/.`;
  }
  return original.endsWith("/") && !clean.endsWith("/") ? `${clean}/` : clean;
}

export function isContentOnly(path: string): boolean {
  return path === "." || path.endsWith("/.");
}

/** Without what says that it is a folder. */
export function withoutSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/\.?$/, "") || "/" : path;
}

/** Whether the path itself says that it is a folder. */
export function saysFolder(path: string): boolean {
  return path === "" || path.endsWith("/") || isContentOnly(path);
}

export interface SplitPath {
  /** With a slash at its end; empty for a bare name. */
  readonly directory: string;
  /** `.` where the content of a folder is meant; empty for the root. */
  readonly base: string;
}

export function splitPath(path: string): SplitPath {
  const clean = isContentOnly(path) ? `${cleanPath(path)}/.` : cleanPath(path);
  const slash = clean.lastIndexOf("/") + 1;
  return { directory: clean.slice(0, slash), base: clean.slice(slash) };
}

/** Go's `filepath.Base`. */
export function baseName(path: string): string {
  const trimmed = path.replace(/\/+$/, "");
  if (trimmed === "") return path === "" ? "." : "/";
  return trimmed.slice(trimmed.lastIndexOf("/") + 1);
}

/**
 * The target of a followed link with the ending of the path that was asked for.
 *
 * @returns The path, and the name that the copy has where that is another than the target's.
 */
export function followedPath(
  asked: string,
  target: string,
): { readonly path: string; readonly rename?: string } {
  const path = keepEnding(target, asked);
  const rename = baseName(asked);
  return rename === baseName(path) ? { path } : { path, rename };
}
