import { chmodSync, chownSync, existsSync, readdirSync, renameSync, rmdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { markDiskFault } from "#base/disk-fault.ts";
import { ConflictError, FailedPreconditionError } from "#base/errors.ts";
import type { Processes } from "#host/processes.ts";
import { lstatIfThere, resolveInRoot } from "./resolve-in-root.ts";

/**
 * Copy-up: an empty volume gets what the image has at its mount point, owner and mode of the folder itself
 * included.
 *
 * The copy is made beside the volume and moved in entry by entry when it is whole, so that a crash leaves
 * either an empty volume or one that the next call completes, and a container that shares the volume never
 * sees half a file or gets a link of its own making followed.
 *
 *   _copying   being copied; worth nothing after a crash
 *   _copied    whole; its entries move to _data
 */
export interface FillRequest {
  /** Where the volume's content is. */
  readonly dataPath: string;
  /** Beside it, on the same file system; absent where a file system is mounted on it, into which nothing can be moved. */
  readonly volumeDir?: string;
  /** The container's root, mounted, of a container that does not run. */
  readonly rootfsPath: string;
  /** Where the volume goes in the container: absolute, clean. */
  readonly destination: string;
}

function isEmpty(directory: string): boolean {
  return readdirSync(directory).length === 0;
}

function moveIn(copied: string, data: string): void {
  for (const name of readdirSync(copied)) {
    const target = join(data, name);
    if (!existsSync(target)) renameSync(join(copied, name), target);
  }
}

/** `cp -a` copies owner, mode, times, links, devices and extended attributes, and follows no link. */
export async function copyTree(
  source: string,
  target: string,
  processes: Pick<Processes, "run">,
  signal: AbortSignal,
): Promise<void> {
  const result = await processes.run(
    { argv: ["/bin/cp", "-a", "-T", "--reflink=auto", "--", source, target], env: { LC_ALL: "C" } },
    signal,
  );
  signal.throwIfAborted();
  if (result.code !== 0) {
    const error = new FailedPreconditionError(
      `Cannot copy into the volume: ${result.stderr.trim().split("\n")[0] ?? ""}`,
    );
    throw markDiskFault(error, result.stderr);
  }
}

/** Finishes what a crash interrupted; leaves nothing but `_data`. */
export async function finishFill(volumeDir: string): Promise<void> {
  const copied = join(volumeDir, "_copied");
  await rm(join(volumeDir, "_copying"), { recursive: true, force: true });
  if (!existsSync(copied)) return;
  moveIn(copied, join(volumeDir, "_data"));
  await rm(copied, { recursive: true, force: true });
}

/**
 * @returns Whether the volume was empty and now has the image's content.
 * @throws {ConflictError} There is a file, no folder, at the mount point.
 */
export async function fillVolume(
  request: FillRequest,
  processes: Pick<Processes, "run">,
  signal: AbortSignal,
): Promise<boolean> {
  const { volumeDir, destination, dataPath: data } = request;
  if (volumeDir !== undefined) await finishFill(volumeDir);
  if (!isEmpty(data)) return false;
  const source = resolveInRoot(request.rootfsPath, destination);
  const found = lstatIfThere(source);
  if (!found) return false;
  if (!found.isDirectory()) {
    throw new ConflictError(`cannot mount volume over existing file, file exists ${destination}`);
  }
  if (!isEmpty(source)) {
    if (volumeDir === undefined) {
      await copyTree(source, data, processes, signal);
      return true;
    }
    const copying = join(volumeDir, "_copying");
    const copied = join(volumeDir, "_copied");
    try {
      await copyTree(source, copying, processes, signal);
    } catch (error) {
      await rm(copying, { recursive: true, force: true });
      throw error;
    }
    renameSync(copying, copied);
    moveIn(copied, data);
    if (isEmpty(copied)) rmdirSync(copied);
    else await rm(copied, { recursive: true, force: true });
  }
  chownSync(data, found.uid, found.gid);
  chmodSync(data, found.mode & 0o7777);
  return true;
}
