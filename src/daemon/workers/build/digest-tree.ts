import { closeSync, constants, openSync, readlinkSync, readSync, type Stats } from "node:fs";
import { relative } from "node:path";
import type { FileSelection } from "#builder/files/protocol.ts";
import { type Digest, Digester, digestHex, digestOf } from "#spec/digest.ts";
import type { BuildTools } from "./tools.ts";
import { selectSources, type WalkedFile, walkSource } from "./select-files.ts";

const CHUNK = Buffer.allocUnsafe(1024 * 1024);
const MOST_KNOWN = 500_000;

/** What a file was when it was read: the same again is not read again. */
interface KnownFile {
  readonly stamp: string;
  readonly digest: Digest;
}

const known = new Map<string, KnownFile>();

/**
 * The digest of all that a selection means: what decides whether a COPY has to be done again.
 *
 * @returns Undefined where it matches nothing.
 */
export function digestSelection(selection: FileSelection, tools: BuildTools): Digest | undefined {
  const sources = selectSources(selection);
  if (!sources || sources.length === 0) return undefined;
  const digester = new Digester("sha256");
  for (const source of sources) {
    // the name goes into the copy; of a folder only the content does
    digester.update(Buffer.from(source.stats.isDirectory() ? "/\0" : `${baseName(source.name)}\0`));
    for (const file of walkSource(source, selection)) {
      // the mode of the client's folder itself goes nowhere
      if (selection.isOwnedByRoot && source.place === "" && file.name === "") continue;
      digester.update(Buffer.from(`${lineOf(file, selection, tools)}\n`));
    }
  }
  return digester.finish();
}

const SHORT_LENGTH = 16;

/** The files of selections one by one, at most so many. */
export function listSelections(
  selections: readonly FileSelection[],
  most: number,
  tools: BuildTools,
): readonly (readonly [path: string, digest: string])[] {
  const found: (readonly [string, string])[] = [];
  for (const selection of selections) {
    for (const source of selectSources(selection) ?? []) {
      for (const file of walkSource(source, selection)) {
        if (found.length >= most) return found;
        if (file.stats.isDirectory()) continue;
        const digest = digestHex(digestOf(lineOf(file, selection, tools))).slice(0, SHORT_LENGTH);
        found.push([relative(selection.root, file.path), digest]);
      }
    }
  }
  return found;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Those of a client's files are not copied. */
const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map();

function isCopiedXattr(name: string): boolean {
  return name === "security.capability" || name.startsWith("user.");
}

function lineOf(
  { path, name, stats }: WalkedFile,
  selection: FileSelection,
  tools: BuildTools,
): string {
  const xattrs: ReadonlyMap<string, Uint8Array> = selection.isOwnedByRoot
    ? NO_XATTRS
    : tools.syscalls.xattrs(path, isCopiedXattr);
  const owner = selection.isOwnedByRoot ? "0:0" : `${stats.uid}:${stats.gid}`;
  return JSON.stringify([
    name,
    stats.mode,
    owner,
    kindDetail(path, stats),
    [...xattrs].map(([one, value]) => `${one}=${Buffer.from(value).toString("hex")}`).toSorted(),
  ]);
}

function kindDetail(path: string, stats: Stats): unknown {
  if (stats.isSymbolicLink()) return readlinkSync(path);
  if (stats.isCharacterDevice() || stats.isBlockDevice()) return stats.rdev;
  return stats.isFile() ? [stats.size, fileDigest(path, stats)] : "";
}

function fileDigest(path: string, stats: Stats): Digest {
  const stamp = [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join();
  const before = known.get(path);
  if (before?.stamp === stamp) return before.digest;
  const digest = readDigest(path, stats.size);
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(path, { stamp, digest });
  return digest;
}

function readDigest(path: string, sizeBytes: number): Digest {
  if (sizeBytes === 0) return digestOf("");
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const digester = new Digester("sha256");
    for (;;) {
      const length = readSync(descriptor, CHUNK, 0, CHUNK.length, null);
      if (length === 0) return digester.finish();
      digester.update(CHUNK.subarray(0, length));
    }
  } finally {
    closeSync(descriptor);
  }
}
