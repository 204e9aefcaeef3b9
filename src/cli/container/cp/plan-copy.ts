import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { saysFolder, splitPath } from "./paths.ts";

export interface CopySource {
  readonly path: string;
  readonly isDirectory: boolean;
  /** Its name in the archive, where that is not the path's own. */
  readonly rename?: string | undefined;
}

export interface CopyTarget {
  readonly path: string;
  /** Undefined when there is nothing. */
  readonly kind: "directory" | "other" | undefined;
}

export interface CopyPlan {
  /** Folder that the archive is unpacked in. */
  readonly directory: string;
  /** The archive's topmost name becomes another. */
  readonly rename?: { readonly from: string; readonly to: string };
}

/**
 * Where an archive of `source` goes so that the target comes out as asked: into a folder that is there, else
 * as the target itself.
 *
 * @throws {InvalidArgumentError} A folder cannot take the place of a file. {NotFoundError} The target is
 *   said to be a folder, is not there, and the source is none.
 */
export function planCopy(source: CopySource, target: CopyTarget): CopyPlan {
  if (target.kind === "directory") return { directory: target.path };
  if (target.kind === "other" && source.isDirectory) {
    throw new InvalidArgumentError("cannot copy directory");
  }
  if (target.kind === undefined && !source.isDirectory && saysFolder(target.path)) {
    throw new NotFoundError("no such directory");
  }
  const { directory, base: to } = splitPath(target.path);
  const from = source.rename ?? splitPath(source.path).base;
  return { directory, rename: { from, to } };
}

/** Replaces a member's topmost name. Hard links name members too. */
export function renameMember(name: string, from: string, to: string): string {
  // the root's members begin with a slash, and have no topmost name
  if (from === "" || from === "/") return `${to}/${name.replace(/^\/+/, "")}`.replace(/\/+$/, "");
  return name.startsWith(from) ? to + name.slice(from.length) : name;
}
