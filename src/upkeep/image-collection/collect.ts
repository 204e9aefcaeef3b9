import { ConflictError, NotFoundError } from "#base/errors.ts";
import type { ImageRecord, Images, ImageUser } from "#images/images.ts";
import { digestHex } from "#spec/digest.ts";
import { NO_FILTERS } from "#spec/engine-api/filters.ts";
import { freedLayerBytes } from "#upkeep/prune-preview.ts";
import { type CollectionPolicy, type PlannedRemoval, planCollection } from "./plan.ts";

export interface CollectionSources {
  readonly images: Pick<Images, "list" | "remove" | "resolve">;
  readonly imageUsers: () => Promise<readonly ImageUser[]>;
  readonly layerBytes: (chainId: string) => number;
  /** What the data root's file system has left. */
  readonly freeBytes: () => Promise<number>;
  readonly nowMs: () => number;
}

export interface Collection {
  readonly removals: readonly PlannedRemoval[];
  /** What they hold alone. */
  readonly freedBytes: number;
}

/** What the policy would take now. Changes nothing. */
export async function previewCollection(
  sources: CollectionSources,
  policy: CollectionPolicy,
): Promise<Collection> {
  const users = await sources.imageUsers();
  const freeBytes = await sources.freeBytes();
  const images = sources.images.list({ all: true, filters: NO_FILTERS });
  const freedBytes = (gone: readonly ImageRecord[]): number =>
    freedLayerBytes(gone, images, sources.layerBytes);
  const usedIds = new Set(users.map(({ imageId }) => imageId));
  const removals = planCollection(
    { images, usedIds, nowMs: sources.nowMs(), freeBytes, freedBytes },
    policy,
  );
  return { removals, freedBytes: freedBytes(removals.map(({ image }) => image)) };
}

/**
 * Removes what the policy takes. What somebody begins to use meanwhile stays.
 *
 * @returns What has gone.
 */
export async function collectImages(
  sources: CollectionSources,
  policy: CollectionPolicy,
): Promise<Collection> {
  const sizes = new Map<string, number>();
  const layerBytes = (chainId: string): number => {
    const known = sizes.get(chainId) ?? sources.layerBytes(chainId);
    sizes.set(chainId, known); // asked again when the layer is gone
    return known;
  };
  const before = sources.images.list({ all: true, filters: NO_FILTERS });
  const planned = await previewCollection({ ...sources, layerBytes }, policy);
  const gone: PlannedRemoval[] = [];
  for (const removal of planned.removals) {
    if (await removeUnused(sources, removal.image)) gone.push(removal);
  }
  const images = gone.map(({ image }) => image);
  return { removals: gone, freedBytes: freedLayerBytes(images, before, layerBytes) };
}

async function removeUnused(
  { images, imageUsers }: CollectionSources,
  { id, tags, repoDigests }: ImageRecord,
): Promise<boolean> {
  const names = [...tags, ...repoDigests];
  let isGone = true;
  for (const name of names.length > 0 ? names : [digestHex(id)]) {
    const users = await imageUsers();
    try {
      // a name may have become another image's
      if (images.resolve(name).id !== id) continue;
      await images.remove(name, { force: false, pruneParents: true }, users);
    } catch (error) {
      // the digests of a repository went with its last tag; in use by now
      if (error instanceof ConflictError) isGone = false;
      else if (!(error instanceof NotFoundError)) throw error;
    }
  }
  return isGone;
}
