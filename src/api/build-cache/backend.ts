import type { CacheLimits } from "#builder/cache/limits.ts";
import type { Filters } from "#spec/engine-api/filters.ts";

/** What the endpoints of the build cache need of the engine. */
export interface BuildCacheBackend {
  prune(request: {
    readonly all: boolean;
    readonly filters: Filters;
    readonly limits?: CacheLimits;
  }): Promise<{
    readonly ids: readonly string[];
    readonly reclaimedBytes: number;
  }>;
}
