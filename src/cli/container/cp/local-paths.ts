import { lstatSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { goReason } from "#host/archive/go-reason.ts";
import { baseName, followedPath, splitPath } from "./paths.ts";
import type { CopySource, CopyTarget } from "./plan-copy.ts";

const MAX_LINKS = 10;

/** @throws {NotFoundError} And others, in Go's words: `lstat /x: no such file or directory`. */
export function localSource(path: string, followsLink: boolean): CopySource {
  const resolved = followsLink ? followedPath(path, real(path)) : besideLinks(path);
  const stats = look("lstat", resolved.path, () => lstatSync(resolved.path));
  const isDirectory = stats.isDirectory();
  // a slash at the end follows the link, and asks for a folder
  if (!isDirectory && /\/\.?$/.test(resolved.path)) {
    throw new InvalidArgumentError("not a directory");
  }
  return { ...resolved, isDirectory };
}

/** Links on the way are followed, the last part stays as it is. */
function besideLinks(path: string): { readonly path: string; readonly rename?: string } {
  const trailing = /\/+$/.exec(path)?.[0] ?? "";
  if (trailing !== "" && path.length > trailing.length) {
    const target = real(path);
    const rename = baseName(path);
    return rename === baseName(target) ? { path: `${target}/` } : { path: `${target}/`, rename };
  }
  const slash = path.lastIndexOf("/");
  const directory = slash <= 0 ? "/" : path.slice(0, slash);
  const parent = real(directory, path);
  return { path: `${parent === "/" ? "" : parent}/${path.slice(slash + 1)}` };
}

/** The target of a copy, links followed; it need not be there, its folder must. */
export function localTarget(path: string): CopyTarget {
  let at = path;
  for (let links = 0; links <= MAX_LINKS; links++) {
    const stats = tryLook(at, () => lstatSync(at));
    if (!stats) return absentTarget(at);
    if (!stats.isSymbolicLink())
      return { path: at, kind: stats.isDirectory() ? "directory" : "other" };
    const target = readlinkSync(at);
    at = target.startsWith("/") ? target : splitPath(at).directory + target;
  }
  throw new InvalidArgumentError(`too many symlinks in ${path}`);
}

function absentTarget(path: string): CopyTarget {
  const { directory } = splitPath(path);
  if (!look("stat", directory, () => statSync(directory)).isDirectory()) {
    throw new InvalidArgumentError("not a directory");
  }
  return { path, kind: undefined };
}

/** Refuses a place where nothing can be written, before anything is asked of the engine. */
export function checkCopyTarget(path: string): void {
  const { directory } = splitPath(path.replace(/\/+$/, "") || "/");
  if (directory !== "" && isAbsent(directory)) {
    const shown = directory.length > 1 ? directory.replace(/\/$/, "") : directory;
    throw new InvalidArgumentError(
      `invalid output path: directory ${JSON.stringify(shown)} does not exist`,
    );
  }
  const stats = tryLook(path, () => statSync(path), "stat");
  if (!stats || stats.isDirectory() || stats.isFile()) return;
  const what =
    stats.isCharacterDevice() || stats.isBlockDevice() ? "a device" : "an irregular file";
  throw new InvalidArgumentError(
    `invalid output path: ${JSON.stringify(path)} must be a directory or a regular file: got ${what}`,
  );
}

/** Any other failure shows when the target itself is looked at. */
function isAbsent(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

function real(path: string, shown: string = path): string {
  try {
    return realpathSync(path);
  } catch {
    const missing = linkTargetOf(path);
    return look("lstat", missing === path ? shown : missing, () => realpathSync(path));
  }
}

/** Where a chain of links ends. */
function linkTargetOf(path: string): string {
  let at = path;
  for (let links = 0; links <= MAX_LINKS; links++) {
    if (!lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink()) return at;
    const target = readlinkSync(at);
    at = target.startsWith("/") ? target : splitPath(at).directory + target;
  }
  return path;
}

function tryLook(path: string, see: () => Stats, call = "lstat"): Stats | undefined {
  try {
    return see();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new InvalidArgumentError(`${call} ${path}: ${goReason(error)}`, { cause: error });
  }
}

function look<T>(call: string, path: string, see: () => T): T {
  try {
    return see();
  } catch (error) {
    if (isNoFolder(error)) throw new InvalidArgumentError("not a directory", { cause: error });
    const message = `${call} ${path}: ${goReason(error)}`;
    throw isMissing(error)
      ? new NotFoundError(message, { cause: error })
      : new InvalidArgumentError(message, { cause: error });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function isNoFolder(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOTDIR";
}
