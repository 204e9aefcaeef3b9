import type { ContainerParts } from "#containers/parts.ts";
import type { ContainerId } from "#spec/ids.ts";

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
