import { closeSync, constants, openSync, readSync } from "node:fs";
import { gunzipSync, constants as zlib, zstdDecompressSync } from "node:zlib";
import { archivePacking, type ArchivePacking } from "#base/packing.ts";
import { BLOCK_BYTES, decodeHeader, isZeroBlock } from "#base/tar/header.ts";
import { TarPushParser } from "#base/tar/push-parser.ts";
import { TreeWriter } from "#host/archive/write-tree.ts";
import { decompressInto, openSource } from "#daemon/workers/files-source.ts";
import type { BuildTools } from "./tools.ts";
import type { Owner } from "#builder/files/root-paths.ts";

const HEAD_BYTES = 64 * 1024;

/** Whether a file is a tar, plain or packed: what ADD unpacks, whatever its name. */
export function isArchive(path: string): boolean {
  const head = readHead(path);
  const packing = archivePacking(head);
  const plain = packing === "none" ? head : unpackHead(head, packing);
  if (plain.length < BLOCK_BYTES) return false;
  const block = plain.subarray(0, BLOCK_BYTES);
  if (isZeroBlock(block)) return plain.length >= 2 * BLOCK_BYTES && packing !== "none";
  try {
    decodeHeader(block);
    return true;
  } catch {
    return false; // its checksum is wrong: no tar
  }
}

function readHead(path: string): Buffer {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const buffer = Buffer.alloc(HEAD_BYTES);
    return buffer.subarray(0, readSync(descriptor, buffer, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(descriptor);
  }
}

/** The beginning of what is packed; empty where it cannot be unpacked. */
function unpackHead(head: Buffer, packing: Exclude<ArchivePacking, "none">): Buffer {
  try {
    switch (packing) {
      case "gzip":
        return gunzipSync(head, { finishFlush: zlib.Z_SYNC_FLUSH });
      case "zstd":
        return zstdDecompressSync(head, { finishFlush: zlib.ZSTD_e_flush });
      case "bzip2":
      case "xz": {
        const program = Bun.which(packing, { PATH: "/usr/local/bin:/usr/bin:/bin" });
        if (program === null) return Buffer.alloc(0);
        const result = Bun.spawnSync([program, "-dc"], { stdin: head, stderr: "ignore", env: {} });
        return Buffer.from(result.stdout);
      }
    }
  } catch {
    return Buffer.alloc(0); // damaged, or cut within a block: no archive that could be read
  }
}

/**
 * Unpacks an archive into a folder of a root. The process changes its root for the while: no name and no link of the archive
 * leads out.
 *
 * @param given.folder Path on the host, below `root`.
 * @param given.owner Of all that is written; as the archive says when absent.
 */
export async function unpackInRoot(
  path: string,
  given: { readonly root: string; readonly folder: string; readonly owner: Owner | undefined },
  { libc, syscalls }: BuildTools,
): Promise<number> {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const packing = archivePacking(readHead(path));
  const source = openSource(libc, descriptor, packing);
  const outside = openSync("/", constants.O_RDONLY | constants.O_DIRECTORY);
  let members = 0;
  try {
    syscalls.changeRoot(given.root);
    const writer = new TreeWriter({
      syscalls,
      directory: given.folder.slice(given.root.length) || "/",
      keepsKinds: false,
      owner: given.owner ?? "archived",
    });
    try {
      const parser = new TarPushParser({
        entry: (entry) => {
          members++;
          writer.entry(entry);
        },
        data: (chunk, position) => writer.data(chunk, position),
        entryEnd: () => writer.entryEnd(),
      });
      await decompressInto(source, packing, (chunk) => parser.push(chunk));
      parser.finish();
      writer.finish();
    } finally {
      writer.close();
    }
    return members;
  } finally {
    libc.call.fchdir(outside);
    syscalls.changeRoot(".");
    closeSync(outside);
    closeSync(descriptor);
  }
}
