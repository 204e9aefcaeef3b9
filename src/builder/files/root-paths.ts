import { chmodSync, lchownSync, lstatSync, mkdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError } from "#base/errors.ts";

const MAX_LINKS = 40;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Where a path leads inside the tree at `root`, links followed as if `root` were `/`. What is not there is taken as it is
 * written. The tree must be nobody else's meanwhile.
 *
 * @param makes Called with each folder that is missing on the way; without it nothing is made.
 * @throws {FailedPreconditionError} Links in a circle.
 */
export function pathInRoot(
  root: string,
  path: string,
  options: { readonly followsLast: boolean; readonly makes?: (path: string) => void },
): string {
  const pending = path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .reverse();
  let inside: string[] = [];
  for (let links = 0; ; ) {
    const part = pending.pop();
    if (part === undefined) return join(root, ...inside);
    if (part === "." || part === "") continue;
    if (part === "..") {
      inside.pop();
      continue;
    }
    const candidate = join(root, ...inside, part);
    const found = lstatSync(candidate, { throwIfNoEntry: false });
    const isLast = pending.length === 0;
    if (found?.isSymbolicLink() && (!isLast || options.followsLast)) {
      if (++links > MAX_LINKS) {
        throw new FailedPreconditionError(`${path}: too many levels of symbolic links`);
      }
      const target = readlinkSync(candidate);
      if (target.startsWith("/")) inside = [];
      pending.push(...target.split("/").reverse());
      continue;
    }
    if (!found && !isLast) options.makes?.(candidate);
    inside.push(part);
  }
}

/**
 * Makes a folder inside the root with those on the way, each with the owner and mode.
 *
 * @returns Its path on the host.
 */
export function makeFolders(
  root: string,
  path: string,
  owner: Owner | undefined,
  mode = 0o755,
): string {
  const make = (folder: string): void => {
    mkdirSync(folder, mode);
    if (owner) lchownSync(folder, owner.uid, owner.gid);
    // what mkdir(2) and chown(2) leave out
    if (mode !== 0o755) chmodSync(folder, mode);
  };
  const resolved = pathInRoot(root, path, { followsLast: true, makes: make });
  const found = lstatSync(resolved, { throwIfNoEntry: false });
  if (!found) make(resolved);
  else if (!found.isDirectory()) {
    throw new FailedPreconditionError(`${path}: not a directory`);
  }
  return resolved;
}
