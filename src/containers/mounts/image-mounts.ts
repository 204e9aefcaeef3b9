import { createHash } from "node:crypto";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import type { ContainerMount, ContainerRecord } from "#containers/container.ts";

/*
 * An image that is mounted in a container is a snapshot of its own on the image's top layer, which keeps the
 * layers there, as the container's root does. It is mounted while a container starts: what the container
 * has then is its own mount of it.
 */

/** Key of the snapshot of one of the record's mounts. */
export function imageMountKey(
  record: Pick<ContainerRecord, "id">,
  mount: Pick<ContainerMount, "destination">,
): string {
  // by target: other mounts may come and go
  const digest = createHash("sha256").update(mount.destination).digest("hex");
  return `${record.id}-image-${digest.slice(0, 12)}`;
}

/** The container that a snapshot was made for, where it is one of these or a root. */
export function containerOfSnapshot(key: string): string | undefined {
  return /^([0-9a-f]{64})(?:-image-[0-9a-f]{12})?$/.exec(key)?.[1];
}

export function imageMounts(record: ContainerRecord): readonly ContainerMount[] {
  return record.mounts.filter(({ kind }) => kind === "image");
}

/** Idempotent. */
export function unmountImages(
  snapshotter: Pick<Snapshotter, "unmount">,
  record: ContainerRecord,
): void {
  for (const mount of imageMounts(record)) snapshotter.unmount(imageMountKey(record, mount));
}
