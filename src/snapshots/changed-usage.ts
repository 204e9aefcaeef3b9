import type { BigIntStats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Looked at side by side: enough to keep the I/O threads busy, few enough to hold memory down. */
const ENTRIES_AT_ONCE = 128;

export interface Usage {
  readonly bytes: number;
  readonly inodes: number;
}

async function tryLstat(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (error instanceof Error && "code" in error) {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    }
    throw error;
  }
}

function isSame(left: BigIntStats, right: BigIntStats): boolean {
  return (
    left.mode === right.mode &&
    left.uid === right.uid &&
    left.gid === right.gid &&
    left.rdev === right.rdev &&
    (left.isDirectory() || (left.size === right.size && left.mtimeNs === right.mtimeNs))
  );
}

/**
 * What a tree has that the one it was copied from has not, or not so: told by size, time, mode and owner,
 * which copying keeps. Hard links count once, folders have no size, mounts are not entered.
 *
 * @param parent Absent: everything counts.
 */
export async function changedUsage(tree: string, parent: string | undefined): Promise<Usage> {
  const root = await lstat(tree, { bigint: true });
  const seen = new Set<bigint>();
  let bytes = 0;
  let inodes = 0;
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const names = await readdir(join(tree, folder));
    for (let start = 0; start < names.length; start += ENTRIES_AT_ONCE) {
      const paths = names.slice(start, start + ENTRIES_AT_ONCE).map((name) => join(folder, name));
      const found = await Promise.all(
        paths.map((path) =>
          Promise.all([
            tryLstat(join(tree, path)),
            parent === undefined ? undefined : tryLstat(join(parent, path)),
          ]),
        ),
      );
      for (const [index, [own, below]] of found.entries()) {
        const path = paths[index];
        if (!own || path === undefined || own.dev !== root.dev) continue;
        if (own.isDirectory()) folders.push(path);
        if (below && isSame(own, below)) continue;
        if (own.nlink > 1n && !own.isDirectory()) {
          if (seen.has(own.ino)) continue;
          seen.add(own.ino);
        }
        inodes++;
        if (!own.isDirectory()) bytes += Number(own.size);
      }
    }
  }
  return { bytes, inodes };
}
