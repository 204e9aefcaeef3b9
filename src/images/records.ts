import { ConflictError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { type ChainId, chainIdOf, chainIdsOf, type Digest } from "#spec/digest.ts";
import type { Descriptor } from "#spec/oci-image.ts";
import {
  familiarReference,
  type ImageReference,
  parseImageName,
  parseImageReference,
  withDefaultTag,
} from "#spec/reference.ts";
import type { Collection, CollectionDefinition, Store } from "#store/store.ts";
import type { ImageRecord } from "./images.ts";

/** Enough of a prefix's matches to tell that it is ambiguous. */
const AMBIGUOUS = 2;

export const IMAGES: CollectionDefinition<ImageRecord> = {
  name: "images",
  version: 1,
  indexes: {
    tag: (image) => image.tags,
    repodigest: (image) => image.repoDigests,
    parent: (image) => (image.parentId === undefined ? [] : [image.parentId]),
    chain: (image) => chainIdsOf(image.diffIds),
    blob: (image) => blobsOf(image),
  },
};

/** What the store knows of images: which exist, what they are called, what they share. */
export class ImageRecords {
  readonly #store: Store;
  readonly #images: Collection<ImageRecord>;

  constructor(store: Store) {
    this.#store = store;
    this.#images = store.collection(IMAGES);
  }

  get(id: Digest): ImageRecord | undefined {
    return this.#images.get(id);
  }

  all(): readonly ImageRecord[] {
    return this.#images.entries().map(([, image]) => image);
  }

  childrenOf(id: Digest): readonly ImageRecord[] {
    return this.#images.findBy("parent", id).map(([, image]) => image);
  }

  isBlobNamed(digest: Digest): boolean {
    return this.#images.findBy("blob", digest).length > 0;
  }

  isChainNamed(chainId: ChainId): boolean {
    return this.#images.findBy("chain", chainId).length > 0;
  }

  /** The verified blob of a layer that an image has already. */
  layerOf(chainId: ChainId): Descriptor | undefined {
    const [found] = this.#images.findBy("chain", chainId);
    return found?.[1].layers[chainIdsOf(found[1].diffIds).indexOf(chainId)];
  }

  /** Blobs of a layer, of each image that has it. */
  layersOf(chainId: ChainId): readonly Descriptor[] {
    return this.#images
      .findBy("chain", chainId)
      .flatMap(([, image]) => image.layers[chainIdsOf(image.diffIds).indexOf(chainId)] ?? []);
  }

  /** Images that have the blob as configuration, manifest, index or layer. */
  namersOf(digest: Digest): readonly ImageRecord[] {
    return this.#images.findBy("blob", digest).map(([, image]) => image);
  }

  put(image: ImageRecord): void {
    this.#images.put(image.id, image);
  }

  delete(id: Digest): void {
    this.#images.delete(id);
  }

  transaction<T>(work: () => T): T {
    return this.#store.transaction(work);
  }

  /**
   * Gives an image a tag, taking it from the image that has it.
   *
   * @param tag Familiar, with its tag: `busybox:latest`.
   * @returns The image that lost it.
   */
  assignTag(id: Digest, tag: string, nowMs: number): ImageRecord | undefined {
    return this.#store.transaction(() => {
      const [found] = this.#images.findBy("tag", tag);
      const previous = found?.[1];
      if (previous?.id === id) {
        this.put({ ...previous, lastTaggedMs: nowMs });
        return undefined;
      }
      if (previous) this.put({ ...previous, tags: previous.tags.filter((one) => one !== tag) });
      const image = this.#images.get(id);
      if (!image) throw new NotFoundError(`No such image: ${id}`);
      this.put({ ...image, tags: [...image.tags, tag].toSorted(), lastTaggedMs: nowMs });
      return previous;
    });
  }

  /**
   * Gives an image a digest reference, taking it from the image that has it: an index holds several.
   *
   * @param reference Familiar: `busybox@sha256:…`.
   */
  assignDigest(id: Digest, reference: string): void {
    this.#store.transaction(() => {
      const image = this.#images.get(id);
      if (!image) throw new NotFoundError(`No such image: ${id}`);
      if (image.repoDigests.includes(reference)) return;
      for (const [, other] of this.#images.findBy("repodigest", reference)) {
        this.put({ ...other, repoDigests: other.repoDigests.filter((one) => one !== reference) });
      }
      this.put({ ...image, repoDigests: [...image.repoDigests, reference].toSorted() });
    });
  }

  /** Takes one reference, a tag or a digest, from an image. */
  dropReference(id: Digest, reference: string): void {
    const image = this.#images.get(id);
    if (!image) return;
    this.put({
      ...image,
      tags: image.tags.filter((tag) => tag !== reference),
      repoDigests: image.repoDigests.filter((digest) => digest !== reference),
    });
  }

  /** @see Images.resolve */
  resolve(text: string): ImageRecord {
    const found = this.tryResolve(text);
    if (found) return found;
    throw new NotFoundError(`No such image: ${shownName(text)}`);
  }

  /** @throws {InvalidArgumentError} No reference at all. {ConflictError} An ambiguous prefix. */
  tryResolve(text: string): ImageRecord | undefined {
    const name = parseImageName(text);
    if (name.kind === "id") return this.#images.get(name.digest) ?? this.#byManifest(name.digest);
    return this.#byReference(name.reference) ?? this.#byPrefix(text);
  }

  /** The image that has this tag. */
  tryResolveTag(reference: ImageReference): ImageRecord | undefined {
    return this.#byReference(reference);
  }

  #byReference(reference: ImageReference): ImageRecord | undefined {
    if (reference.digest !== undefined) {
      const { tag: _, ...untagged } = reference;
      return this.#images.findBy("repodigest", familiarReference(untagged))[0]?.[1];
    }
    return this.#images.findBy("tag", familiarReference(withDefaultTag(reference)))[0]?.[1];
  }

  #byPrefix(text: string): ImageRecord | undefined {
    const hex = text.startsWith("sha256:") ? text.slice("sha256:".length) : text;
    if (!/^[0-9a-f]{1,64}$/.test(hex)) return undefined;
    const keys = this.#images.keysWithPrefix(`sha256:${hex}`, AMBIGUOUS);
    if (keys.length > 1) {
      throw new ConflictError(
        `ambiguous image ID prefix "${text}": it fits ${keys.join(" and ")}${keys.length >= AMBIGUOUS ? ", perhaps more" : ""}`,
      );
    }
    return keys[0] === undefined ? undefined : this.#images.get(keys[0]);
  }

  #byManifest(digest: Digest): ImageRecord | undefined {
    const [found] = this.#images.findBy("blob", digest);
    const image = found?.[1];
    return image?.manifest.digest === digest || image?.index?.digest === digest ? image : undefined;
  }
}

function blobsOf(image: ImageRecord): readonly Digest[] {
  const indexes = [...(image.index ? [image.index] : []), ...(image.innerIndexes ?? [])];
  const documents = [image.manifest, ...indexes];
  const attached = image.attached?.flatMap((one) => [one.manifest, ...one.blobs]) ?? [];
  const blobs = [...documents, ...attached, ...image.layers].map(({ digest }) => digest);
  return [...new Set([image.id, ...blobs])];
}

function shownName(text: string): string {
  const name = parseImageName(text);
  return name.kind === "id" ? name.digest : familiarReference(withDefaultTag(name.reference));
}

export function topChainIdOf(image: ImageRecord): ChainId | undefined {
  return chainIdOf(image.diffIds);
}

/**
 * Reads a name that is to be a tag.
 *
 * @returns Familiar, `:latest` added where no tag is given.
 * @throws {InvalidArgumentError} With Docker's texts.
 */
export function parseTagTarget(text: string): string {
  const reference = parseImageReference(text);
  if (reference.digest !== undefined) {
    throw new InvalidArgumentError("refusing to create a tag with a digest reference");
  }
  const target = withDefaultTag(reference);
  if (familiarReference({ domain: target.domain, path: target.path }) === "sha256") {
    throw new InvalidArgumentError(
      "refusing to create an ambiguous tag using digest algorithm as name",
    );
  }
  return familiarReference(target);
}
