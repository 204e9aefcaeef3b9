import type { ContainerRecord } from "#containers/container.ts";
import type { Containers } from "#containers/containers.ts";
import type { ImageRecord, Images, ImageUser } from "#images/images.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import { chainIdsOf } from "#spec/digest.ts";
import { type Filters, filterValues, NO_FILTERS } from "#spec/engine-api/filters.ts";
import { isPrunable } from "#volumes/prunable.ts";
import type { Volumes } from "#volumes/volumes.ts";
import type { BuildCache } from "./build-cache.ts";
import { sum, type UsageKind } from "./disk-usage.ts";

/** Which prunes are to be looked ahead to, in the order in which `system prune` runs them. */
export interface PreviewRequest {
  readonly kinds: ReadonlySet<UsageKind>;
  /** `label`, `label!` and `until`, as given to each of them. */
  readonly filters: Filters;
  /** Images with a tag too, as `image prune --all`. */
  readonly allImages: boolean;
  /** Volumes with a name too, as `volume prune --all`. */
  readonly allVolumes: boolean;
}

/** What would go, and what that would free, in bytes. */
export interface PrunePreview {
  readonly containers: readonly (ContainerRecord & { readonly sizeBytes: number })[];
  readonly images: readonly ImageRecord[];
  /** Of the layers that no other image or container holds. */
  readonly imagesBytes: number;
  readonly volumes: readonly { readonly name: string; readonly sizeBytes: number }[];
  readonly buildCacheCount: number;
  readonly buildCacheBytes: number;
}

export interface PreviewSources {
  readonly containers: Pick<Containers, "previewPrune" | "list">;
  readonly images: Pick<Images, "previewPrune" | "list">;
  readonly volumes: Pick<Volumes, "list" | "usage" | "usersOf">;
  readonly snapshotter: Pick<Snapshotter, "stat" | "usage">;
  readonly buildCache: BuildCache;
}

function filtersFor(filters: Filters, names: readonly string[], more: Filters): Filters {
  const known = names.flatMap((name): [string, readonly string[]][] => {
    const values = filterValues(filters, name);
    return values.length === 0 ? [] : [[name, values]];
  });
  return new Map([...known, ...more]);
}

/** Bytes of layers that go with `gone`: those that none of `all` besides, and no container left, stands on. */
export function freedLayerBytes(
  gone: readonly ImageRecord[],
  all: readonly ImageRecord[],
  layerBytes: (chainId: string) => number,
): number {
  const ids = new Set(gone.map(({ id }) => id));
  const kept = new Set<string>(
    all.filter(({ id }) => !ids.has(id)).flatMap(({ diffIds }) => chainIdsOf(diffIds)),
  );
  const freed = new Set<string>(gone.flatMap(({ diffIds }) => chainIdsOf(diffIds)));
  return sum([...freed].filter((id) => !kept.has(id)).map(layerBytes));
}

/** What is stopped now counts as gone for what comes after it: `system prune` takes containers first. */
export async function previewPrune(
  sources: PreviewSources,
  request: PreviewRequest,
): Promise<PrunePreview> {
  const { containers, images, snapshotter } = sources;
  const { kinds, filters } = request;
  const labels = ["label", "label!"];
  const timed = [...labels, "until"];
  const gone = kinds.has("container")
    ? containers.previewPrune(filtersFor(filters, timed, NO_FILTERS))
    : [];
  const goneIds = new Set<string>(gone.map(({ id }) => id));
  const left = (await containers.list({ all: true, withSizes: false, filters: NO_FILTERS }))
    .map(({ record }) => record)
    .filter(({ id }) => !goneIds.has(id));
  const users = left.map(
    (record): ImageUser => ({
      containerId: record.id,
      imageId: record.imageId,
      isRunning: record.state.status === "running",
    }),
  );
  const dangling = new Map([["dangling", [String(!request.allImages)]]]);
  const goneImages = kinds.has("image")
    ? images.previewPrune({ filters: filtersFor(filters, timed, dangling) }, users)
    : [];
  const all = request.allVolumes ? new Map([["all", ["true"]]]) : NO_FILTERS;
  const volumeFilters = filtersFor(filters, labels, all);
  const goneVolumes = kinds.has("volume")
    ? sources.volumes
        .list(NO_FILTERS)
        .filter((volume) => isPrunable(volume, volumeFilters))
        .filter(({ name }) => sources.volumes.usersOf(name).every((user) => goneIds.has(user)))
    : [];
  const cache = kinds.has("build-cache") ? await sources.buildCache.usage() : [];
  const idle = cache.filter(({ isInUse, isShared }) => !isInUse && !isShared);
  return {
    containers: await Promise.all(
      gone.map(async (record) => ({
        ...record,
        sizeBytes: snapshotter.stat(record.id) ? (await snapshotter.usage(record.id)).bytes : 0,
      })),
    ),
    images: goneImages,
    imagesBytes: freedLayerBytes(
      goneImages,
      images.list({ all: true, filters: NO_FILTERS }),
      (chainId) => snapshotter.stat(chainId)?.sizeBytes ?? 0,
    ),
    volumes: await Promise.all(
      goneVolumes.map(async ({ name }) => ({
        name,
        sizeBytes: (await sources.volumes.usage(name)).bytes,
      })),
    ),
    buildCacheCount: idle.length,
    buildCacheBytes: sum(idle.map(({ sizeBytes }) => sizeBytes)),
  };
}
