import { lstatSync, readlinkSync, rmdirSync, type Stats, unlinkSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { isAbsent } from "#containers/absent.ts";
import { resolveInRoot } from "#containers/mounts/resolve-in-root.ts";

/** What the engine and the runtime make in a root to mount on. */
const ENGINE_POINTS: readonly string[] = [
  "/.dockerenv",
  "/dev/console",
  "/dev/mqueue",
  "/dev/pts",
  "/dev/shm",
  "/etc/hostname",
  "/etc/hosts",
  "/etc/mtab",
  "/etc/resolv.conf",
  "/proc",
  "/sys",
];
const MOUNTS_LINK = "/proc/mounts";

/** A folder with its times, to be set back when what was made in it is gone. */
interface Folder {
  readonly path: string;
  readonly atime: Date;
  readonly mtime: Date;
}

/**
 * Remembers which mount points a root has not; disposing takes away those that were made meanwhile and are
 * still empty, so that the layer of a step holds what the step did and nothing else.
 *
 * Nothing else may write to the root before this call ends, nor while it is disposed of.
 */
export function rememberMountPoints(rootPath: string, points: readonly string[]): Disposable {
  const missing = new Set<string>();
  const folders = new Map<string, Folder>();
  for (const point of [...ENGINE_POINTS, ...points]) {
    for (const path of missingOf(rootPath, point)) {
      missing.add(path);
      const parent = dirname(path);
      const found = lstatOf(parent);
      if (found) folders.set(parent, { path: parent, atime: found.atime, mtime: found.mtime });
    }
  }
  return {
    [Symbol.dispose]: () => {
      // the deepest first
      for (const path of [...missing].toSorted((a, b) => b.length - a.length)) removeEmpty(path);
      for (const { path, atime, mtime } of folders.values()) {
        if (lstatOf(path)) utimesSync(path, atime, mtime);
      }
    },
  };
}

/** The path and the folders on the way to it that are not there. */
function missingOf(rootPath: string, point: string): readonly string[] {
  const parts = point.split("/").filter((part) => part !== "");
  for (let length = parts.length; length >= 0; length--) {
    const parent = resolveInRoot(rootPath, parts.slice(0, length).join("/"));
    if (parent === undefined) continue;
    const rest = parts.slice(length);
    return rest.map((_, index) => join(parent, ...rest.slice(0, index + 1)));
  }
  return [];
}

function lstatOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function removeEmpty(path: string): void {
  try {
    const found = lstatSync(path);
    if (found.isDirectory()) rmdirSync(path);
    else if (found.isSymbolicLink() ? readlinkSync(path) === MOUNTS_LINK : found.size === 0) {
      unlinkSync(path);
    }
  } catch (error) {
    // the step wrote into it, or took it away itself
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (!isAbsent(error) && code !== "ENOTEMPTY" && code !== "EBUSY") throw error;
  }
}
