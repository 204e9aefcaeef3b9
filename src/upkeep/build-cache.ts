import type { CacheLimits } from "#builder/cache/limits.ts";
import type { Filters } from "#spec/engine-api/filters.ts";

/** One record of the build cache, in the words of `GET /system/df`. */
export interface BuildCacheRecord {
  readonly id: string;
  readonly parents: readonly string[];
  readonly type: string;
  readonly description: string;
  readonly isInUse: boolean;
  readonly isShared: boolean;
  readonly sizeBytes: number;
  readonly createdMs: number;
  /** Absent: never used since it was made. */
  readonly lastUsedMs?: number;
  readonly usageCount: number;
}

/** What upkeep needs of the builder. */
export interface BuildCache {
  usage(): Promise<readonly BuildCacheRecord[]>;
  /** Removes what is not in use; with `all` what is shared with images too. */
  prune(request: {
    readonly all: boolean;
    readonly filters: Filters;
    readonly limits?: CacheLimits;
  }): Promise<{
    readonly ids: readonly string[];
    readonly reclaimedBytes: number;
  }>;
}
