import type { Stats } from "node:fs";
import { chmod, lchown, lstat, utimes } from "node:fs/promises";
import { join } from "node:path";

/** `missing` where the path is not there, `hidden` where something else than a folder is on the way. */
type Found = Stats | "missing" | "hidden";

/** Looks at a folder without following a symbolic link anywhere on the way. */
async function findDirectory(root: string, path: string): Promise<Found> {
  let at = root;
  let stats: Stats | undefined;
  for (const part of path.split("/").filter((one) => one !== "")) {
    at = join(at, part);
    try {
      stats = await lstat(at);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return "missing";
      throw error;
    }
    if (!stats.isDirectory()) return "hidden";
  }
  return stats ?? "missing";
}

/**
 * Gives folders that a layer's entries only imply (`tmp/x` without `tmp/`) the owner, mode and time that
 * they have in the layers below: overlayfs shows the topmost folder's, so that `/tmp` would lose its
 * sticky bit.
 *
 * @param layer The layer's own folder.
 * @param paths Absolute in the layer.
 * @param below Folders of the layers below, nearest first.
 */
export async function adoptImpliedDirectories(
  layer: string,
  paths: readonly string[],
  below: readonly string[],
): Promise<void> {
  for (const path of paths) {
    // a link of this layer on the way would lead out of it, as this process has its old root
    const own = await findDirectory(layer, path);
    if (own === "missing" || own === "hidden") continue;
    for (const lower of below) {
      const found = await findDirectory(lower, path);
      if (found === "missing") continue;
      if (found === "hidden") break;
      const target = join(layer, path);
      await lchown(target, found.uid, found.gid);
      await chmod(target, found.mode & 0o7777);
      await utimes(target, found.atime, found.mtime);
      break;
    }
  }
}
