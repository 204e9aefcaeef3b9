import type { ContentLease, ContentStore } from "#content/content.ts";
import type { ChainId, Digest } from "#spec/digest.ts";
import type { Descriptor } from "#spec/oci-image.ts";

/**
 * Holds blobs and layers that no record names yet, so that no sweep comes between their arrival and the
 * record. Whoever brings something in (pull, load, commit, build) opens one, adds each thing before or as
 * it gets its name, writes the record, and disposes of the lease. Pushing and saving hold what they read.
 *
 * Leases live in memory: none outlasts the daemon, and what they held is swept when the next one starts.
 */
export interface Lease extends ContentLease {
  /** Holds a layer, there or still to come, and with it all below it. */
  addLayer(chainId: ChainId): void;
}

/** Records of another domain that name blobs and layers, such as a build cache. Asked at each sweep. */
export interface ContentReferences {
  isBlobNamed(digest: Digest): boolean;
  isChainNamed(chainId: ChainId): boolean;
  /** The verified blob of a layer that was made here; undefined where it has none. */
  layerOf?(chainId: ChainId): Descriptor | undefined;
}

export class Leases {
  readonly #content: ContentStore;
  /** How many leases hold a layer. */
  readonly #held = new Map<ChainId, number>();

  constructor(content: ContentStore) {
    this.#content = content;
  }

  open(): Lease {
    const blobs = this.#content.lease();
    const layers = new Set<ChainId>();
    return {
      add: (digest) => blobs.add(digest),
      addLayer: (chainId) => {
        if (layers.has(chainId)) return;
        layers.add(chainId);
        this.#held.set(chainId, (this.#held.get(chainId) ?? 0) + 1);
      },
      [Symbol.dispose]: () => {
        blobs[Symbol.dispose]();
        for (const chainId of layers) this.#release(chainId);
        layers.clear();
      },
    };
  }

  isHeld(chainId: ChainId): boolean {
    return this.#held.has(chainId);
  }

  #release(chainId: ChainId): void {
    const left = (this.#held.get(chainId) ?? 1) - 1;
    if (left > 0) this.#held.set(chainId, left);
    else this.#held.delete(chainId);
  }
}
