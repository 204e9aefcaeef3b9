import { type CacheLimits, keptBytes } from "./limits.ts";
import type { CacheRecord } from "#builder/builder.ts";
import type { SharedSolving } from "#builder/solver/solving.ts";
import { type ChainId, chainIdsOf } from "#spec/digest.ts";
import { booleanFilter, type Filters, filterValues, NO_FILTERS } from "#spec/engine-api/filters.ts";
import { parseUntilFilter } from "#spec/engine-api/until-filter.ts";

const NANOS_PER_MS = 1_000_000n;
const CACHE_MOUNT = "exec.cachemount";
const SOURCE = "source.local";

/** Everything that the builder keeps for later builds: layers, cache mounts, folders that clients have sent. */
export async function cacheUsage(shared: SharedSolving): Promise<readonly CacheRecord[]> {
  const { records, images } = shared.parts;
  const all = images.list({ all: true, filters: NO_FILTERS });
  const ofImages = new Set<string>(all.flatMap(({ diffIds }) => chainIdsOf(diffIds)));
  const layers = records.layers.entries().map(
    ([chainId, layer]): CacheRecord => ({
      id: chainId,
      type: "regular",
      description: layer.description,
      parents: layer.parent === undefined ? [] : [layer.parent],
      sizeBytes: layer.sizeBytes,
      isInUse: shared.inUse.has(chainId as ChainId),
      isShared: ofImages.has(chainId),
      createdMs: layer.createdMs,
      ...(layer.lastUsedMs === undefined ? {} : { lastUsedMs: layer.lastUsedMs }),
      usageCount: layer.usageCount,
    }),
  );
  const mounts = records.mounts.entries().map(
    async ([name, mount]): Promise<CacheRecord> => ({
      id: name,
      type: CACHE_MOUNT,
      description: `cached mount ${mount.id}`,
      parents: [],
      sizeBytes: await shared.parts.diskBytes(shared.caches.pathOf(name)),
      isInUse: shared.caches.isInUse(name),
      isShared: false,
      createdMs: mount.createdMs,
      lastUsedMs: mount.lastUsedMs,
      usageCount: mount.usageCount,
    }),
  );
  const sources = shared.parts.keptSources
    .list()
    .map((source): CacheRecord => ({ ...source, type: SOURCE, parents: [], isShared: false }));
  return [...layers, ...(await Promise.all(mounts)), ...sources];
}

export interface CachePruneRequest {
  /** Also what images share: builds forget it, and images keep it. */
  readonly all: boolean;
  readonly filters: Filters;
  /** The most recently used stays, as much as they allow. */
  readonly limits?: CacheLimits;
}

/**
 * Which records go: what no build uses, the least recently used first.
 *
 * @param now Its time is since the epoch.
 */
export function planCachePrune(
  records: readonly CacheRecord[],
  request: CachePruneRequest,
  now: { readonly timeNanos: bigint; readonly freeBytes: number },
): readonly CacheRecord[] {
  const candidates = records
    .filter((record) => !record.isInUse && (request.all || !record.isShared))
    .filter((record) => matches(record, request.filters, now.timeNanos))
    .toSorted((left, right) => usedMs(left) - usedMs(right));
  let total = records.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const { freeBytes } = now;
  const keepBytes = keptBytes(request.limits ?? {}, { usedBytes: total, freeBytes });
  if (keepBytes === undefined) return candidates;
  return candidates.filter(({ sizeBytes }) => {
    if (total <= keepBytes) return false;
    total -= sizeBytes;
    return true;
  });
}

function usedMs({ lastUsedMs, createdMs }: CacheRecord): number {
  return lastUsedMs ?? createdMs;
}

function matches(record: CacheRecord, filters: Filters, nowNanos: bigint): boolean {
  const isOneOf = (name: string, value: string): boolean => {
    const wanted = filterValues(filters, name);
    return wanted.length === 0 || wanted.includes(value);
  };
  const isPrefixed = (name: string, values: readonly string[]): boolean => {
    const wanted = filterValues(filters, name);
    return (
      wanted.length === 0 || wanted.some((one) => values.some((value) => value.startsWith(one)))
    );
  };
  const isAs = (name: string, is: boolean): boolean => {
    const wanted = filters.has(name) ? (booleanFilter(filters, name) ?? true) : undefined;
    return wanted === undefined || wanted === is;
  };
  const descriptions = filterValues(filters, "description");
  const until = ["until", "unused-for"].every((name) => {
    const values = filters.get(name);
    if (values === undefined) return true;
    const before = parseUntilFilter(new Map([["until", values]]), nowNanos);
    return before === undefined || BigInt(Math.trunc(usedMs(record))) * NANOS_PER_MS < before;
  });
  return (
    until &&
    isPrefixed("id", [record.id, record.id.replace(/^sha256:/, "")]) &&
    isPrefixed("parent", record.parents) &&
    isOneOf("type", record.type) &&
    (descriptions.length === 0 || descriptions.some((one) => record.description.includes(one))) &&
    isAs("inuse", record.isInUse) &&
    isAs("shared", record.isShared) &&
    isAs("private", !record.isShared)
  );
}

/** Forgets what the plan says, and frees what nothing else names. */
export async function pruneCache(
  shared: SharedSolving,
  request: CachePruneRequest,
): Promise<{ readonly ids: readonly string[]; readonly reclaimedBytes: number }> {
  const { records, images, clock } = shared.parts;
  const now = { timeNanos: clock.nowNanos(), freeBytes: await shared.parts.freeBytes() };
  const goes = planCachePrune(await cacheUsage(shared), request, now);
  let otherBytes = 0;
  for (const { id, type, sizeBytes } of goes) {
    if (type === SOURCE) {
      if (await shared.parts.keptSources.remove(id)) otherBytes += sizeBytes;
    } else if (type !== CACHE_MOUNT) {
      // a build may have begun to use it since
      if (!shared.inUse.has(id as ChainId)) records.forget(id as ChainId);
    } else if (!shared.caches.isInUse(id)) {
      await shared.caches.remove(id);
      otherBytes += sizeBytes;
    }
  }
  const { freedBytes } = await images.collect();
  return { ids: goes.map(({ id }) => id), reclaimedBytes: otherBytes + freedBytes };
}
