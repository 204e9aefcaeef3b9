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
  /** Keeps an image from being removed, there or still to come: until it has the names that it is brought in for. */
  addImage(id: Digest): void;
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
  readonly #layers = new Holds<ChainId>();
  readonly #images = new Holds<Digest>();

  constructor(content: ContentStore) {
    this.#content = content;
  }

  open(): Lease {
    const blobs = this.#content.lease();
    const layers = new Set<ChainId>();
    const images = new Set<Digest>();
    return {
      add: (digest) => blobs.add(digest),
      addLayer: (chainId) => this.#layers.add(layers, chainId),
      addImage: (id) => this.#images.add(images, id),
      [Symbol.dispose]: () => {
        blobs[Symbol.dispose]();
        this.#layers.release(layers);
        this.#images.release(images);
      },
    };
  }

  isHeld(chainId: ChainId): boolean {
    return this.#layers.has(chainId);
  }

  isImageHeld(id: Digest): boolean {
    return this.#images.has(id);
  }
}

/** How many leases hold each thing. */
class Holds<Thing> {
  readonly #counts = new Map<Thing, number>();

  has(thing: Thing): boolean {
    return this.#counts.has(thing);
  }

  /** @param own What the lease holds already. */
  add(own: Set<Thing>, thing: Thing): void {
    if (own.has(thing)) return;
    own.add(thing);
    this.#counts.set(thing, (this.#counts.get(thing) ?? 0) + 1);
  }

  release(own: Set<Thing>): void {
    for (const thing of own) {
      const left = (this.#counts.get(thing) ?? 1) - 1;
      if (left > 0) this.#counts.set(thing, left);
      else this.#counts.delete(thing);
    }
    own.clear();
  }
}
