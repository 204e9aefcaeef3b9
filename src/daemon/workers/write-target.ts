import { lstatSync, type Stats } from "node:fs";
import { InvalidArgumentError } from "#base/errors.ts";
import type { ContainerView, ViewMount } from "#containers/files/protocol.ts";
import { absolute, followLinks, lookFailure } from "./path-stat.ts";

/**
 * The folder that an archive goes to, links followed inside the container's root.
 *
 * @throws {NotFoundError} There is none. {InvalidArgumentError} It is no folder, or nothing may be
 *   written there; in Docker's words.
 */
export function checkTarget(asked: string, view: ContainerView): string {
  const directory = followLinks(absolute(asked));
  if (!look(directory).isDirectory()) {
    throw new InvalidArgumentError("extraction point is not a directory");
  }
  const mount = mountOf(directory, view.mounts);
  if (mount?.isReadOnly) throw new InvalidArgumentError("mounted volume is marked read-only");
  if (!mount && view.isReadOnly) {
    throw new InvalidArgumentError("container rootfs is marked read-only");
  }
  return directory;
}

/** The innermost mount that a path is in. */
function mountOf(path: string, mounts: readonly ViewMount[]): ViewMount | undefined {
  let found: ViewMount | undefined;
  let longest = -1;
  for (const mount of mounts) {
    const destination = followLinks(mount.destination);
    const isInside = path === destination || path.startsWith(`${destination}/`);
    if (isInside && destination.length > longest) {
      found = mount;
      longest = destination.length;
    }
  }
  return found;
}

function look(path: string): Stats {
  try {
    return lstatSync(path);
  } catch (error) {
    throw lookFailure("lstat", path, error);
  }
}
