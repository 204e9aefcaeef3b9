import type { Filters } from "#spec/engine-api/filters.ts";

/** What the endpoints of the build cache need of the engine. */
export interface BuildCacheBackend {
  prune(request: {
    readonly all: boolean;
    readonly filters: Filters;
    /** The most recently used stays, up to so many bytes. */
    readonly keepBytes?: number;
  }): Promise<{
    readonly ids: readonly string[];
    readonly reclaimedBytes: number;
  }>;
}
