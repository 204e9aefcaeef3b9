import { lstatSync, readlinkSync } from "node:fs";
import { FailedPreconditionError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { cleanPath } from "#base/posix-path.ts";
import { formatRfc3339 } from "#base/rfc3339.ts";
import { goReason } from "#host/archive/go-reason.ts";
import { type PathStat, toGoFileMode } from "#spec/engine-api/path-stat.ts";

const MAX_LINKS = 255;

/** `path` from the container's root, cleaned, but for a slash or `/.` at its end: these ask for a folder. */
export function absolute(path: string): string {
  const clean = cleanPath(`/${path}`);
  if (path === "." || path.endsWith("/.")) return clean === "/" ? "/." : `${clean}/.`;
  return path.endsWith("/") && clean !== "/" ? `${clean}/` : clean;
}

/** Last part, as Go's `filepath.Base` has it: `/` for the root. */
function baseOf(path: string): string {
  const trimmed = path.replace(/\/+$/, "");
  return trimmed === "" ? "/" : trimmed.slice(trimmed.lastIndexOf("/") + 1);
}

/** Name that `path` has in its archive; empty for the root, whose files begin with a slash there. */
export function archiveName(path: string): string {
  const base = baseOf(absolute(path));
  return base === "/" ? "" : base;
}

/**
 * @throws {NotFoundError} There is no such file. {InvalidArgumentError} No file can have that name.
 *   {FailedPreconditionError} A part of the way is none.
 */
export function statPath(asked: string): PathStat {
  const path = absolute(asked);
  try {
    const stats = lstatSync(path, { bigint: true });
    return {
      name: baseOf(path),
      sizeBytes: Number(stats.size),
      mode: toGoFileMode(Number(stats.mode)),
      mtime: formatRfc3339(stats.mtimeNs),
      linkTarget: stats.isSymbolicLink() ? followLinks(path) : "",
    };
  } catch (error) {
    throw lookFailure("lstat", path, error);
  }
}

export function lookFailure(call: string, path: string, error: unknown): Error {
  const message = `${call} ${path}: ${goReason(error)}`;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return new NotFoundError(message, { cause: error });
  if (code === "ENAMETOOLONG") return new InvalidArgumentError(message, { cause: error });
  return new FailedPreconditionError(message, { cause: error });
}

/**
 * Where a path ends, links followed as far as they lead. By hand: Bun's `realpathSync` asks /proc, which a
 * container's view has not.
 */
export function followLinks(path: string): string {
  const pending = path.split("/").reverse();
  let inside: string[] = [];
  for (let links = 0; ; ) {
    const part = pending.pop();
    if (part === undefined) return `/${inside.join("/")}`;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      inside.pop();
      continue;
    }
    const candidate = `/${[...inside, part].join("/")}`;
    const target = tryReadLink(candidate);
    if (target === undefined || ++links > MAX_LINKS) {
      inside.push(part);
      continue;
    }
    if (target.startsWith("/")) inside = [];
    pending.push(...target.split("/").reverse());
  }
}

/** Undefined for what is no link, or not there. */
function tryReadLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
