import { NotFoundError } from "#base/errors.ts";
import type { ContainerDetails, Containers } from "#containers/containers.ts";
import type { ImageRecord, Images } from "#images/images.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import { chainIdsOf, type Digest } from "#spec/digest.ts";
import { NO_FILTERS } from "#spec/engine-api/filters.ts";
import type { VolumeRecord, Volumes } from "#volumes/volumes.ts";
import type { BuildCache, BuildCacheRecord } from "./build-cache.ts";

/** Kinds that `GET /system/df?type=` names. */
export const USAGE_KINDS = ["container", "image", "volume", "build-cache"] as const;
export type UsageKind = (typeof USAGE_KINDS)[number];

/** Sums over one kind of thing, in bytes and pieces. */
export interface UsageSums {
  readonly activeCount: number;
  readonly totalCount: number;
  readonly reclaimableBytes: number;
  readonly totalBytes: number;
}

export interface ImageUsageItem {
  readonly image: ImageRecord;
  readonly containerCount: number;
  /** Bytes of its layers that another image has too. */
  readonly sharedBytes: number;
}

export interface VolumeUsageItem {
  readonly volume: VolumeRecord;
  /** -1 where its driver cannot tell. */
  readonly sizeBytes: number;
  readonly userCount: number;
}

/** Kinds that were not asked for are absent. */
export interface DiskUsage {
  readonly images?: UsageSums & { readonly items: readonly ImageUsageItem[] };
  readonly containers?: UsageSums & { readonly items: readonly ContainerDetails[] };
  readonly volumes?: UsageSums & { readonly items: readonly VolumeUsageItem[] };
  readonly buildCache?: UsageSums & { readonly items: readonly BuildCacheRecord[] };
}

export interface DiskUsageSources {
  readonly containers: Pick<Containers, "list">;
  readonly images: Pick<Images, "list" | "sizes">;
  readonly volumes: Pick<Volumes, "list" | "usage" | "usersOf">;
  readonly snapshotter: Pick<Snapshotter, "stat" | "list">;
  readonly buildCache: BuildCache;
}

export function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** What the sums over images are made of; sizes in bytes. */
export interface ImageFacts {
  readonly all: readonly ImageRecord[];
  /** Those that users see: without the intermediate ones. */
  readonly shown: readonly ImageRecord[];
  readonly containerCounts: ReadonlyMap<Digest, number>;
  /** Of its layers that another image has too, by image. */
  readonly sharedBytes: ReadonlyMap<Digest, number>;
  /** Of every layer there is, those that no image names included. */
  readonly allLayersBytes: number;
  layerBytes(chainId: string): number;
}

/**
 * Sums over the images: a layer counts once however many have it. Reclaimable is what removing all images
 * without a container would free.
 */
export function sumImages(facts: ImageFacts): NonNullable<DiskUsage["images"]> {
  const countOf = ({ id }: ImageRecord): number => facts.containerCounts.get(id) ?? 0;
  const used = facts.all.filter((image) => countOf(image) > 0);
  const held = new Set<string>(used.flatMap(({ diffIds }) => chainIdsOf(diffIds)));
  return {
    activeCount: facts.shown.filter((image) => countOf(image) > 0).length,
    totalCount: facts.shown.length,
    totalBytes: facts.allLayersBytes,
    reclaimableBytes: facts.allLayersBytes - sum([...held].map((id) => facts.layerBytes(id))),
    items: facts.shown.map((image) => ({
      image,
      containerCount: countOf(image),
      sharedBytes: facts.sharedBytes.get(image.id) ?? 0,
    })),
  };
}

function isActive({ record }: ContainerDetails): boolean {
  return record.state.status === "running" || record.state.status === "restarting";
}

/** Sums over containers: what they wrote; that of those which do not run is reclaimable. */
export function sumContainers(
  items: readonly ContainerDetails[],
): NonNullable<DiskUsage["containers"]> {
  const bytesOf = ({ sizes }: ContainerDetails): number => sizes?.writableBytes ?? 0;
  return {
    activeCount: items.filter(isActive).length,
    totalCount: items.length,
    totalBytes: sum(items.map(bytesOf)),
    reclaimableBytes: sum(items.filter((item) => !isActive(item)).map(bytesOf)),
    items,
  };
}

export function sumVolumes(items: readonly VolumeUsageItem[]): NonNullable<DiskUsage["volumes"]> {
  const known = items.filter(({ sizeBytes }) => sizeBytes >= 0);
  const idle = known.filter(({ userCount }) => userCount === 0);
  return {
    activeCount: items.filter(({ userCount }) => userCount > 0).length,
    totalCount: items.length,
    totalBytes: sum(known.map(({ sizeBytes }) => sizeBytes)),
    reclaimableBytes: sum(idle.map(({ sizeBytes }) => sizeBytes)),
    items,
  };
}

function sumBuildCache(items: readonly BuildCacheRecord[]): NonNullable<DiskUsage["buildCache"]> {
  const idle = items.filter(({ isInUse, isShared }) => !isInUse && !isShared);
  return {
    activeCount: items.filter(({ isInUse }) => isInUse).length,
    totalCount: items.length,
    totalBytes: sum(items.filter(({ isShared }) => !isShared).map(({ sizeBytes }) => sizeBytes)),
    reclaimableBytes: sum(idle.map(({ sizeBytes }) => sizeBytes)),
    items,
  };
}

async function volumeItems(
  volumes: DiskUsageSources["volumes"],
): Promise<readonly VolumeUsageItem[]> {
  const items = await Promise.all(
    volumes.list(NO_FILTERS).map(async (volume) => {
      const sizeBytes = await volumeBytes(volumes, volume);
      if (sizeBytes === undefined) return [];
      return [{ volume, sizeBytes, userCount: volumes.usersOf(volume.name).length }];
    }),
  );
  return items.flat();
}

/** @returns Undefined when it was removed meanwhile. */
async function volumeBytes(
  volumes: DiskUsageSources["volumes"],
  { name, driver }: VolumeRecord,
): Promise<number | undefined> {
  if (driver !== "local") return -1;
  try {
    return (await volumes.usage(name)).bytes;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** Reads what `kinds` use. One that goes meanwhile is left out. */
export async function readDiskUsage(
  sources: DiskUsageSources,
  kinds: ReadonlySet<UsageKind>,
): Promise<DiskUsage> {
  const { containers, images, snapshotter } = sources;
  const withSizes = kinds.has("container");
  const isCounted = withSizes || kinds.has("image");
  const found = isCounted
    ? await containers.list({ all: true, withSizes, filters: NO_FILTERS })
    : [];
  const counts = new Map<Digest, number>();
  for (const { record } of found) counts.set(record.imageId, (counts.get(record.imageId) ?? 0) + 1);
  return {
    ...(kinds.has("image") && {
      images: sumImages({
        all: images.list({ all: true, filters: NO_FILTERS }),
        shown: images.list({ all: false, filters: NO_FILTERS }),
        containerCounts: counts,
        sharedBytes: images.sizes().sharedBytes,
        allLayersBytes: sum(snapshotter.list().map(({ sizeBytes }) => sizeBytes ?? 0)),
        layerBytes: (chainId) => snapshotter.stat(chainId)?.sizeBytes ?? 0,
      }),
    }),
    ...(withSizes && { containers: sumContainers(found) }),
    ...(kinds.has("volume") && { volumes: sumVolumes(await volumeItems(sources.volumes)) }),
    ...(kinds.has("build-cache") && {
      buildCache: sumBuildCache(await sources.buildCache.usage()),
    }),
  };
}
