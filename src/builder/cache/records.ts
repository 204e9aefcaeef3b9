import type { ChainId, DiffId, Digest } from "#spec/digest.ts";
import type { Descriptor } from "#spec/oci-image.ts";
import type { Collection, CollectionDefinition, Store } from "#store/store.ts";

/** A layer that a step made; its key is the chain id. */
export interface LayerRecord {
  readonly diffId: DiffId;
  readonly parent?: ChainId;
  readonly sizeBytes: number;
  readonly blob?: Descriptor;
  /** The same tar packed, by algorithm and level: `gzip:`, `zstd:19`. */
  readonly packings?: Readonly<Record<string, Descriptor>>;
  /** Text of the step. */
  readonly description: string;
  readonly createdMs: number;
  readonly lastUsedMs?: number;
  readonly usageCount: number;
}

/** What a step with this key made; its key is the digest of all that the step depends on. */
export interface CacheEntry {
  readonly chainId: ChainId;
}

/** A folder that `RUN --mount=type=cache` keeps; its key is the folder's name. */
export interface CacheMountRecord {
  /** Namespace and id, as the Dockerfile has it. */
  readonly id: string;
  readonly createdMs: number;
  readonly lastUsedMs: number;
  readonly usageCount: number;
}

export const BUILD_LAYERS: CollectionDefinition<LayerRecord> = {
  name: "buildlayers",
  version: 1,
  indexes: {
    blob: ({ blob, packings = {} }) =>
      [...(blob ? [blob] : []), ...Object.values(packings)].map(({ digest }) => digest),
  },
};

export const BUILD_ENTRIES: CollectionDefinition<CacheEntry> = {
  name: "buildentries",
  version: 1,
  indexes: { chain: (entry) => [entry.chainId] },
};

export const BUILD_MOUNTS: CollectionDefinition<CacheMountRecord> = {
  name: "buildmounts",
  version: 1,
};

/** What the builder remembers, in the store. */
export class BuildRecords {
  readonly #store: Store;
  readonly layers: Collection<LayerRecord>;
  readonly entries: Collection<CacheEntry>;
  readonly mounts: Collection<CacheMountRecord>;

  constructor(store: Store) {
    this.#store = store;
    this.layers = store.collection(BUILD_LAYERS);
    this.entries = store.collection(BUILD_ENTRIES);
    this.mounts = store.collection(BUILD_MOUNTS);
  }

  /** The store itself, for what is kept beside the cache. */
  get store(): Store {
    return this.#store;
  }

  transaction<T>(work: () => T): T {
    return this.#store.transaction(work);
  }

  isChainNamed(chainId: ChainId): boolean {
    return this.layers.get(chainId) !== undefined;
  }

  isBlobNamed(digest: Digest): boolean {
    return this.layers.findBy("blob", digest).length > 0;
  }

  layerOf(chainId: ChainId): Descriptor | undefined {
    return this.layers.get(chainId)?.blob;
  }

  /** A layer, and the keys under which it is found. */
  put(chainId: ChainId, layer: LayerRecord, keys: readonly Digest[]): void {
    this.transaction(() => {
      this.layers.put(chainId, layer);
      for (const key of keys) this.entries.put(key, { chainId });
    });
  }

  /** Forgets a layer and all keys that lead to it. */
  forget(chainId: ChainId): void {
    this.transaction(() => {
      this.layers.delete(chainId);
      for (const [key] of this.entries.findBy("chain", chainId)) this.entries.delete(key);
    });
  }
}
