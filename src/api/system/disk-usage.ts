import type { BuildCache, SystemDataUsageResponse } from "@docker/node-sdk";
import { InvalidArgumentError } from "#base/errors.ts";
import type { BuildCacheRecord } from "#upkeep/build-cache.ts";
import type { DiskUsage, UsageKind, UsageSums, VolumeUsageItem } from "#upkeep/disk-usage.ts";
import type { StorageUsage } from "#upkeep/storage.ts";
import { type ApiVersion, isAtLeast } from "#spec/engine-api/version.ts";
import { summaryToWire as containerToWire } from "#api/containers/summary.ts";
import { type Exchange, sendJson } from "#api/exchange.ts";
import { summaryToWire as imageToWire } from "#api/images/wire.ts";
import { volumeToWire } from "#api/volumes/routes.ts";
import type { Wire } from "#api/wire.ts";
import type { SystemBackend } from "./backend.ts";

const KINDS: readonly UsageKind[] = ["container", "image", "volume", "build-cache"];

function readKinds(exchange: Exchange): ReadonlySet<UsageKind> {
  const texts = exchange.query.all("type");
  if (texts.length === 0 || !isAtLeast(exchange.version, "1.42")) return new Set(KINDS);
  return new Set(
    texts.map((text) => {
      const kind = KINDS.find((known) => known === text);
      if (kind === undefined) throw new InvalidArgumentError(`unknown object type: ${text}`);
      return kind;
    }),
  );
}

/** `UsageData` is told by this endpoint alone. */
function volumeItem({ volume, sizeBytes, userCount }: VolumeUsageItem): object {
  return { ...volumeToWire({ volume }), UsageData: { RefCount: userCount, Size: sizeBytes } };
}

function buildCacheItem(record: BuildCacheRecord): Wire<BuildCache> {
  return {
    ID: record.id,
    ...(record.parents.length > 0 ? { Parents: record.parents } : {}),
    Type: record.type as NonNullable<BuildCache["Type"]>, // the builder's words are BuildKit's
    Description: record.description,
    InUse: record.isInUse,
    Shared: record.isShared,
    Size: record.sizeBytes,
    CreatedAt: new Date(record.createdMs).toISOString(),
    LastUsedAt: record.lastUsedMs === undefined ? null : new Date(record.lastUsedMs).toISOString(),
    UsageCount: record.usageCount,
  };
}

interface UsageItems {
  readonly images: readonly object[] | undefined;
  readonly containers: readonly object[] | undefined;
  readonly volumes: readonly object[] | undefined;
  readonly buildCache: readonly object[] | undefined;
}

function itemsToWire(usage: DiskUsage, version: ApiVersion, nowMs: number): UsageItems {
  return {
    images: usage.images?.items.map(({ image, containerCount, sharedBytes }) => ({
      ...imageToWire(image, { containers: containerCount, sharedBytes }, version),
      Containers: containerCount,
    })),
    containers: usage.containers?.items.map((details) => containerToWire(details, nowMs, version)),
    volumes: usage.volumes?.items.map(volumeItem),
    buildCache: usage.buildCache?.items.map(buildCacheItem),
  };
}

/** The shape before API 1.52: lists, of which the client makes the sums. */
function legacyShape(
  usage: DiskUsage,
  items: UsageItems,
): Record<keyof SystemDataUsageResponse, unknown> {
  return {
    LayersSize: usage.images?.totalBytes ?? 0,
    Images: items.images ?? null,
    Containers: items.containers ?? null,
    Volumes: items.volumes ?? null,
    BuildCache: items.buildCache ?? null,
  };
}

function sumsToWire(sums: UsageSums, items: readonly object[] | undefined): object {
  return {
    ActiveCount: sums.activeCount,
    TotalCount: sums.totalCount,
    Reclaimable: sums.reclaimableBytes,
    TotalSize: sums.totalBytes,
    ...(items && items.length > 0 ? { Items: items } : {}),
  };
}

/** What Docker does not tell: bytes of the data root that are no image's, container's or volume's. */
function storageToWire(storage: StorageUsage): object {
  return {
    Logs: storage.logsBytes,
    Blobs: storage.blobsBytes,
    Engine: storage.engineBytes,
    Pending: storage.pendingBytes,
    Unowned: storage.unowned.map(({ path, sizeBytes }) => ({ Path: path, Size: sizeBytes })),
  };
}

/** `GET /system/df`: sums since API 1.52, lists before, and both with 1.52 itself. */
export async function sendDiskUsage(exchange: Exchange, backend: SystemBackend): Promise<void> {
  const { version, query } = exchange;
  const kinds = readKinds(exchange);
  const isVerbose = query.boolean("verbose");
  const hasSums = isAtLeast(version, "1.52");
  const hasLists = !hasSums || (!isAtLeast(version, "1.53") && !isVerbose);
  const [usage, storage] = await Promise.all([
    backend.diskUsage(kinds),
    kinds.size === KINDS.length ? backend.storageUsage() : undefined,
  ]);
  const items = itemsToWire(usage, version, Number(backend.nowNanos() / 1_000_000n));
  const shown = (list: readonly object[] | undefined): readonly object[] | undefined =>
    isVerbose || hasLists ? list : undefined;
  sendJson(exchange, 200, {
    ...(hasLists ? legacyShape(usage, items) : {}),
    ...(hasSums && {
      ...(usage.images && { ImageUsage: sumsToWire(usage.images, shown(items.images)) }),
      ...(usage.containers && {
        ContainerUsage: sumsToWire(usage.containers, shown(items.containers)),
      }),
      ...(usage.volumes && { VolumeUsage: sumsToWire(usage.volumes, shown(items.volumes)) }),
      ...(usage.buildCache && {
        BuildCacheUsage: sumsToWire(usage.buildCache, shown(items.buildCache)),
      }),
      ...(storage && { StorageUsage: storageToWire(storage) }),
    }),
  });
}
