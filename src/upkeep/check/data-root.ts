import { rm } from "node:fs/promises";
import { relative } from "node:path";
import type { Fault } from "#base/fault.ts";
import type { Mounts } from "#host/mounts.ts";
import { listStorage, type StorageSources } from "#upkeep/storage.ts";

export interface DataRootSources extends StorageSources {
  readonly mounts: Pick<Mounts, "list" | "unmount">;
}

function unowned(sources: StorageSources): readonly string[] {
  return listStorage(sources)
    .filter(({ kind }) => kind === "unowned")
    .map(({ path }) => path);
}

/** Mounts at and below, the innermost first: nothing of another file system may be deleted through them. */
function unmountBelow(mounts: DataRootSources["mounts"], path: string): void {
  for (const { target } of mounts.list(path).toReversed()) mounts.unmount(target, { lazy: true });
}

function faultOf(sources: DataRootSources, path: string): Fault | undefined {
  const place = relative(sources.dataRoot, path);
  const [top = ""] = place.split("/");
  if (place.startsWith("content/blobs/")) return undefined; // the images' own audit knows them
  const removal = {
    words: "remove it",
    apply: async () => {
      if (!unowned(sources).includes(path)) return;
      unmountBelow(sources.mounts, path);
      await rm(path, { recursive: true, force: true });
    },
  };
  if (top === sources.snapshotter.driver) {
    const explanation = "No image's layer and no container has this folder of the storage driver";
    return { kind: "layer", subject: path, explanation, mend: removal };
  }
  switch (top) {
    case "containers":
      return {
        kind: "folder",
        subject: path,
        explanation: "The files of a container that is not there any more",
        mend: removal,
      };
    case "volumes":
      return undefined; // may be data that somebody misses: the volumes' audit
    default:
      return {
        kind: "folder",
        subject: path,
        explanation: "The engine does not know what this is: remove it, if it is not yours",
      };
  }
}

/** Mounts of layers whose record is gone. */
function strayMounts(sources: DataRootSources): readonly Fault[] {
  const places = new Set(unowned(sources));
  return sources.mounts.list(sources.dataRoot).flatMap(({ target }) => {
    const owner = [...places].find((path) => target === path || target.startsWith(`${path}/`));
    if (owner === undefined) return [];
    return [
      {
        kind: "mount",
        subject: target,
        explanation: "A mount in a folder that nothing has any more",
        mend: {
          words: "unmount it",
          apply: async () => {
            if (unowned(sources).includes(owner)) unmountBelow(sources.mounts, target);
          },
        },
      } satisfies Fault,
    ];
  });
}

/** What is in the data root, or mounted there, and has no owner. */
export function auditDataRoot(sources: DataRootSources): readonly Fault[] {
  return [
    ...strayMounts(sources),
    ...unowned(sources).flatMap((path) => faultOf(sources, path) ?? []),
  ];
}
