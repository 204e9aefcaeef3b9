import type { BigIntStats } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { ExportedTree } from "#builder/builder.ts";
import type { FileStat } from "#spec/buildkit/session.ts";
import { type FileKind, writeGoMode } from "#spec/buildkit/go-file-mode.ts";

function kindOf(stats: BigIntStats): FileKind {
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isFIFO()) return "pipe";
  if (stats.isSocket()) return "socket";
  return stats.isFile() ? "file" : "device";
}

/** A file to be sent: what is told of it, and what is in it. */
export interface WalkedFile {
  readonly stat: FileStat;
  /** Of a file with content: its path on this host, or the content. */
  readonly content?: string | Uint8Array;
}

/** A file that is no tree's. */
type AddedFile = ExportedTree["files"][number];

const PLAIN = {
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  modifiedNanos: 0n,
  linkName: "",
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: new Map<string, Uint8Array>(),
};

/** All files of some trees, in the order that `fsutil` wants: each folder before what is in it, names by their bytes. */
export async function* walkTrees(trees: readonly ExportedTree[]): AsyncGenerator<WalkedFile> {
  for (const { prefix, path, files } of trees) {
    if (prefix !== "") {
      yield { stat: { ...PLAIN, path: prefix, mode: writeGoMode("directory", 0o755) } };
    }
    const added = files.toSorted((left, right) => compareNames(left.name, right.name));
    for await (const file of withAdded(walk(path, "", new Map()), added)) {
      const { stat } = file;
      const place = (name: string): string => (prefix === "" ? name : `${prefix}/${name}`);
      const isLink = file.content !== undefined && stat.linkName !== "";
      yield {
        ...file,
        stat: {
          ...stat,
          path: place(stat.path),
          ...(isLink ? { linkName: place(stat.linkName) } : {}),
        },
      };
    }
  }
}

/** Puts more files among those of the top; one that is there already stands back. */
async function* withAdded(
  walked: AsyncIterable<WalkedFile>,
  added: readonly AddedFile[],
): AsyncGenerator<WalkedFile> {
  const pending = [...added];
  for await (const file of walked) {
    const { path } = file.stat;
    for (let next = pending[0]; next; next = pending[0]) {
      const order = path.includes("/") ? 1 : compareNames(next.name, path);
      if (order > 0) break;
      pending.shift();
      yield toWalked(next);
    }
    if (!added.some(({ name }) => name === path)) yield file;
  }
  yield* pending.map(toWalked);
}

function toWalked({ name, bytes, mode }: AddedFile): WalkedFile {
  const stat = {
    ...PLAIN,
    path: name,
    mode: writeGoMode("file", mode),
    sizeBytes: bytes.byteLength,
    modifiedNanos: BigInt(Date.now()) * 1_000_000n,
  };
  return { stat, content: bytes };
}

function compareNames(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

async function* walk(
  root: string,
  folder: string,
  /** Names of files with several names, by device and inode. */
  seen: Map<string, string>,
): AsyncGenerator<WalkedFile> {
  const names = await readdir(join(root, folder), { encoding: "buffer" });
  for (const raw of names.toSorted((left, right) => Buffer.compare(left, right))) {
    const name = raw.toString("utf8");
    const path = folder === "" ? name : `${folder}/${name}`;
    const stats = await lstat(join(root, path), { bigint: true });
    const kind = kindOf(stats);
    const inode = `${stats.dev}:${stats.ino}`;
    const first = kind === "file" && stats.nlink > 1n ? seen.get(inode) : undefined;
    if (kind === "file" && stats.nlink > 1n && first === undefined) seen.set(inode, path);
    const stat = {
      ...PLAIN,
      path,
      mode: writeGoMode(kind, Number(stats.mode & 0o7777n)),
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      sizeBytes: kind === "file" ? Number(stats.size) : 0,
      modifiedNanos: stats.mtimeNs,
      linkName: kind === "symlink" ? await readlink(join(root, path)) : (first ?? ""),
    };
    yield kind === "file" ? { stat, content: join(root, path) } : { stat };
    if (kind === "directory") yield* walk(root, path, seen);
  }
}
