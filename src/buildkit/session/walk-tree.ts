import type { BigIntStats } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { FileStat } from "#spec/buildkit/session.ts";
import { type FileKind, writeGoMode } from "#spec/buildkit/go-file-mode.ts";

function kindOf(stats: BigIntStats): FileKind {
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isFIFO()) return "pipe";
  if (stats.isSocket()) return "socket";
  return stats.isFile() ? "file" : "device";
}

/** All files below a folder, in the order that `fsutil` wants: each folder before what is in it, names by their bytes. */
export async function* walkTree(root: string): AsyncGenerator<FileStat> {
  yield* walk(root, "", new Map());
}

async function* walk(
  root: string,
  folder: string,
  /** Names of files with several names, by device and inode. */
  seen: Map<string, string>,
): AsyncGenerator<FileStat> {
  const names = await readdir(join(root, folder), { encoding: "buffer" });
  for (const raw of names.toSorted((left, right) => Buffer.compare(left, right))) {
    const name = raw.toString("utf8");
    const path = folder === "" ? name : `${folder}/${name}`;
    const stats = await lstat(join(root, path), { bigint: true });
    const kind = kindOf(stats);
    const inode = `${stats.dev}:${stats.ino}`;
    const first = kind === "file" && stats.nlink > 1n ? seen.get(inode) : undefined;
    if (kind === "file" && stats.nlink > 1n && first === undefined) seen.set(inode, path);
    yield {
      path,
      mode: writeGoMode(kind, Number(stats.mode & 0o7777n)),
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      sizeBytes: kind === "file" ? Number(stats.size) : 0,
      modifiedNanos: stats.mtimeNs,
      linkName: kind === "symlink" ? await readlink(join(root, path)) : (first ?? ""),
      deviceMajor: 0,
      deviceMinor: 0,
      xattrs: new Map(),
    };
    if (kind === "directory") yield* walk(root, path, seen);
  }
}
