import type { ContainerParts } from "#containers/parts.ts";
import { makeEngineMountPoints } from "#containers/bring-up/prepare-root.ts";
import type { ContainerUse } from "#snapshots/snapshotter.ts";
import type { ContainerId } from "#spec/ids.ts";

export const CONTAINER_USE: ContainerUse = { makeCommonFiles: makeEngineMountPoints };

/**
 * Mounts a container's root with the owners that it has on disk. What a run in a user namespace left mounted,
 * because work on its files went on, shows others: that work keeps its own copy of the mount.
 */
export async function mountRoot(
  parts: Pick<ContainerParts, "lives" | "snapshotter">,
  id: ContainerId,
): Promise<string> {
  const live = parts.lives.of(id);
  if (live.isRootMapped) parts.snapshotter.unmount(id);
  live.isRootMapped = false;
  return await parts.snapshotter.mount(id, undefined, CONTAINER_USE);
}

/**
 * Unmounts a container's root after a run, unless work on its files goes on: a second mount of the same
 * writable layer beside the one that such work has would be undefined (overlayfs.rst). The last of it
 * unmounts then.
 */
export function unmountRoot(
  parts: Pick<ContainerParts, "lives" | "snapshotter">,
  id: ContainerId,
): void {
  if (parts.lives.of(id).rootHolds === 0) parts.snapshotter.unmount(id);
}
