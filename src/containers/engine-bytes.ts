import { lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import { MOUNTS_LINK } from "./bring-up/prepare-root.ts";

/**
 * Bytes of a container's own layer that the engine wrote, not the container: the link that stands in for
 * `/etc/mtab`. Docker keeps it in a layer of its own, so that a container that wrote nothing has 0 bytes.
 */
export function engineBytes(
  snapshotter: Pick<Snapshotter, "layerDirectory" | "layerForm" | "stat">,
  key: string,
): number {
  const parent = snapshotter.stat(key)?.parent;
  const isWhole = snapshotter.layerForm === "merged" && parent !== undefined;
  // where a layer is a whole tree, only what its parent lacks counts as its own
  if (isWhole && linkBytes(snapshotter.layerDirectory(parent)) > 0) return 0;
  return linkBytes(snapshotter.layerDirectory(key));
}

function linkBytes(directory: string): number {
  const { folder, name, target } = MOUNTS_LINK;
  try {
    // not through a link that a container put in the folder's place
    if (!lstatSync(join(directory, folder)).isDirectory()) return 0;
    return readlinkSync(join(directory, folder, name)) === target ? target.length : 0;
  } catch {
    return 0; // nothing there, or no link
  }
}
