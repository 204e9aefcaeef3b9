import {
  type BigIntStats,
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  rmSync,
  writeSync,
} from "node:fs";
import { ResourceExhaustedError } from "#base/errors.ts";
import type { BuildJob, LayerResult } from "#builder/files/protocol.ts";
import { Digester, parseDiffId } from "#spec/digest.ts";
import { cString } from "#host/linux/ffi/libc.ts";
import { OverlayMounter } from "#host/linux/mounts/overlay.ts";
import { JsThread } from "#host/linux/thread.ts";
import { packTreeChanges } from "#daemon/workers/changed-tree.ts";
import type { BuildTools } from "./tools.ts";

const MNT_DETACH = 2;

/** Writes, or only hashes, the tar of what a step changed. */
export function writeLayer(
  job: Extract<BuildJob, { readonly kind: "layer" }>,
  tools: BuildTools,
): LayerResult {
  const { tree, blobPath, latestSeconds, isToLast = false } = job;
  using below = openBelow(tree, tools);
  const digester = new Digester("sha256");
  const descriptor = blobPath === undefined ? undefined : openSync(blobPath, "wx", 0o600);
  let blobBytes = 0;
  const sizes = { bytes: 0 };
  try {
    const options = {
      form: tree.form,
      fresh: Buffer.from(tree.directory),
      old: Buffer.from(below.path ?? tree.mountPoint),
      syscalls: tools.syscalls,
      isThorough: true,
      hasEngineFiles: true,
      hasCapabilitiesOnly: true,
      ...(tree.sameness === undefined ? {} : { sameness: tree.sameness }),
      ...(latestSeconds === undefined ? {} : { latestSeconds }),
    };
    for (const chunk of packTreeChanges(options, countFiles(sizes))) {
      digester.update(chunk);
      blobBytes += chunk.length;
      if (descriptor !== undefined) writeAll(descriptor, chunk);
    }
    const hasFiles = readdirSync(tree.directory).length > 0;
    if (isToLast && hasFiles) syncTree(tree.directory, tools);
    // the blob may be on another file system
    if (descriptor !== undefined) fsyncSync(descriptor);
  } catch (error) {
    if (blobPath !== undefined) rmSync(blobPath, { force: true });
    throw error;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
  return { diffId: parseDiffId(digester.finish()), blobBytes, sizeBytes: sizes.bytes };
}

/** One call for all files: one each would take the disk's time as often. */
function syncTree(directory: string, { syscalls }: BuildTools): void {
  const descriptor = openSync(directory, "r");
  try {
    syscalls.syncFileSystem(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Sums the sizes of files, each once. */
function countFiles(sizes: { bytes: number }): (stats: BigIntStats) => void {
  const linked = new Set<bigint>();
  return (stats) => {
    if (!stats.isFile() || linked.has(stats.ino)) return;
    if (stats.nlink > 1n) linked.add(stats.ino);
    sizes.bytes += Number(stats.size);
  };
}

function writeAll(descriptor: number, chunk: Uint8Array): void {
  try {
    for (let at = 0; at < chunk.length; ) at += writeSync(descriptor, chunk, at);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code !== "ENOSPC" && code !== "EDQUOT") throw cause;
    throw new ResourceExhaustedError("Cannot write the layer: no space left on device", { cause });
  }
}

/** The layers below as one tree. */
function openBelow(
  tree: Extract<BuildJob, { readonly kind: "layer" }>["tree"],
  { libc }: BuildTools,
): Disposable & { readonly path: string | undefined } {
  const { lowerDirectories, mountPoint } = tree;
  if (lowerDirectories.length < 2) {
    return { path: lowerDirectories[0], [Symbol.dispose]: () => {} };
  }
  new OverlayMounter({ libc, thread: new JsThread({ libc }) }).mount({
    target: mountPoint,
    lowerDirs: lowerDirectories,
  });
  return {
    path: mountPoint,
    [Symbol.dispose]: () => {
      libc.call.umount2(cString(mountPoint), MNT_DETACH);
    },
  };
}
