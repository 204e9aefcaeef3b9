import { messageOf } from "#base/errors.ts";
import type { ContainerRecord } from "./container.ts";
import { unmountImages } from "./mounts/image-mounts.ts";
import { unmountRoot } from "./files/mount-root.ts";
import type { ContainerParts } from "./parts.ts";
import { unmountSharedMemory } from "./mounts/shared-memory.ts";
import { unbindOwnMounts } from "./mounts/own-mounts.ts";

export type CleanUpParts = Pick<
  ContainerParts,
  "lives" | "mounts" | "networks" | "runtime" | "settings" | "snapshotter" | "volumes" | "warn"
>;

/**
 * Takes away what a run leaves: processes and cgroup, sandbox, mounts. Each step is idempotent and all are
 * tried; what fails is tried again when the engine starts next.
 *
 * @returns Whether everything is gone.
 */
export async function cleanUpRun(parts: CleanUpParts, record: ContainerRecord): Promise<boolean> {
  let isClean = true;
  const attempt = async (what: string, work: () => Promise<void> | void): Promise<void> => {
    try {
      await work();
    } catch (error) {
      isClean = false;
      parts.warn(`Cannot ${what} of container ${record.id}: ${messageOf(error)}`);
    }
  };
  await Promise.all([
    attempt("remove the runtime state", () => parts.runtime.delete(record.id, { force: true })),
    attempt("close the network sandbox", () => parts.networks.closeSandbox(record.id)),
  ]);
  for (const { kind, name } of record.mounts) {
    if (kind !== "volume" || name === undefined) continue;
    await attempt(`unmount volume ${name}`, () => parts.volumes.unmount(name, record.id));
  }
  await attempt("unmount the shared memory", () => unmountSharedMemory(parts, record));
  await attempt("unmount what it was given", () => unbindOwnMounts(parts, record));
  await attempt("unmount the images", () => unmountImages(parts.snapshotter, record));
  await attempt("unmount the root file system", () => unmountRoot(parts, record.id));
  return isClean;
}
