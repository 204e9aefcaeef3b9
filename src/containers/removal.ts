import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ConflictError, messageOf } from "#base/errors.ts";
import { cleanUpRun } from "./clean-up.ts";
import type { ContainerExit, ContainerRecord } from "./container.ts";
import type { WaitResult } from "./containers.ts";
import { imageMountKey, imageMounts } from "./mounts/image-mounts.ts";
import type { ContainerParts } from "./parts.ts";
import { unbindOwnMounts } from "./mounts/own-mounts.ts";
import { waitResultOf } from "./transitions.ts";
import { volumesOf } from "./update/next-start.ts";

export type RemovalParts = Pick<
  ContainerParts,
  | "events"
  | "execs"
  | "health"
  | "images"
  | "lives"
  | "logs"
  | "mounts"
  | "networks"
  | "registry"
  | "runtime"
  | "settings"
  | "snapshotter"
  | "volumes"
  | "warn"
>;

/**
 * Records that the container goes, and that it no longer uses its volumes. From here on there is no way
 * back: a crash is followed by the rest of the removal.
 */
export function beginRemoval(
  parts: Pick<ContainerParts, "registry" | "volumes">,
  record: ContainerRecord,
  options: { readonly exit?: ContainerExit | undefined; readonly removesVolumes: boolean },
): ContainerRecord {
  const { exit, removesVolumes } = options;
  const removing: ContainerRecord = {
    ...record,
    state: { status: "removing", ...(exit && { exit }) },
    intent: "remove",
    removesVolumes,
  };
  parts.registry.put(removing, () => {
    for (const name of volumesOf(record)) parts.volumes.dereference(name, record.id);
  });
  return removing;
}

/** Anonymous volumes that no other container uses, if they were asked for. */
export async function removeOwnVolumes(
  parts: Pick<ContainerParts, "volumes" | "warn">,
  record: ContainerRecord,
): Promise<void> {
  if (!record.removesVolumes) return;
  for (const name of volumesOf(record)) {
    const volume = parts.volumes.get(name);
    if (!volume?.isAnonymous || parts.volumes.usersOf(name).length > 0) continue;
    try {
      await parts.volumes.remove(name, { force: false });
    } catch (error) {
      // the container is gone all the same; `volume prune` finds what is left
      parts.warn(`Cannot remove volume ${name} of container ${record.id}: ${messageOf(error)}`);
    }
  }
}

/**
 * Deletes the snapshot, the folder and, last, the record.
 *
 * @throws What could not be deleted; the container is then `dead`, and `rm` tries again.
 */
export async function takeAway(parts: RemovalParts, record: ContainerRecord): Promise<void> {
  const gone = new ConflictError(`container ${record.id} was removed`);
  for (const work of parts.lives.of(record.id).filesWork) work.abort(gone);
  try {
    await cleanUpRun(parts, record);
    await parts.logs.forget(record.id);
    for (const mount of imageMounts(record)) {
      await parts.snapshotter.remove(imageMountKey(record, mount));
    }
    await parts.snapshotter.remove(record.id);
    unbindOwnMounts(parts, record); // throws rather than let rm go through a mount
    await rm(join(parts.settings.directory, record.id), { recursive: true, force: true });
  } catch (error) {
    const exit = record.state.status === "removing" ? record.state.exit : undefined;
    parts.registry.put({
      ...record,
      state: { status: "dead", reason: messageOf(error), ...(exit && { exit }) },
    });
    parts.registry.unhide(record.id);
    throw error;
  }
  parts.execs.forgetAllOf(record.id);
  parts.health.forget(record.id);
  parts.registry.delete(record.id);
  await releaseImage(parts, record);
}

/** The container is gone whether or not its image's layers can be freed: the next start sweeps again. */
async function releaseImage(parts: RemovalParts, record: ContainerRecord): Promise<void> {
  try {
    await parts.images.released(record.imageId);
  } catch (error) {
    parts.warn(`Cannot free the layers of image ${record.imageId}: ${messageOf(error)}`);
  }
}

/**
 * To be called when the container is no longer to be found.
 *
 * @param result What those who still wait get; the last exit when absent.
 */
export function announceRemoved(
  parts: Pick<ContainerParts, "events" | "lives">,
  record: ContainerRecord,
  result: WaitResult = waitResultOf(record.state),
): void {
  const live = parts.lives.of(record.id);
  for (const pending of live.attaching) pending.connect(undefined);
  live.attaching.clear();
  parts.events.publish(record, "destroy");
  live.waiters.settleRemoved(result);
}
