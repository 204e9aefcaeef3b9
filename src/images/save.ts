import { NotFoundError } from "#base/errors.ts";
import { tarHeader } from "#base/tar/header.ts";
import { type TarMember, writeTar } from "#base/tar/writer.ts";
import type { ContentStore } from "#content/content.ts";
import { type Digest, digestHex } from "#spec/digest.ts";
import { OCI_INDEX, OCI_LAYER } from "#spec/media-types.ts";
import { type Descriptor, descriptorToWire, indexToWire } from "#spec/oci-image.ts";
import type { Platform } from "#spec/platform.ts";
import {
  familiarName,
  familiarReference,
  formatImageReference,
  parseImageName,
  parseImageReference,
  withDefaultTag,
} from "#spec/reference.ts";
import { blobPath } from "./archive/blob-path.ts";
import type { ImageRecord } from "./images.ts";
import type { ImageRecords } from "./records.ts";
import { chooseVariant, variantsOf } from "./variants.ts";

export interface SavedImage {
  /** The variant that readers get that know no platforms. */
  readonly image: ImageRecord;
  /** All variants to save, that one first. */
  readonly variants: readonly ImageRecord[];
  /** Those that were asked for, in the order of asking; none for an image asked for by id. */
  readonly tags: readonly string[];
}

/**
 * What to save: a tag, all tags of a repository, or an image by id, which then has no name.
 *
 * @param platforms Variants of each; all that are here when empty.
 * @throws {NotFoundError} With Docker's texts.
 */
export function selectImages(
  records: ImageRecords,
  references: readonly string[],
  platforms: readonly Platform[] = [],
): readonly SavedImage[] {
  const chosen = new Map<Digest, SavedImage>();
  const add = (found: ImageRecord, tags: readonly string[], text: string): void => {
    const variants = variantsToSave(records, found, text, platforms);
    const [image = found] = variants;
    const known = chosen.get(image.id)?.tags ?? [];
    chosen.set(image.id, { image, variants, tags: [...new Set([...known, ...tags])] });
  };
  for (const text of references) {
    const name = parseImageName(text);
    const reference = name.kind === "reference" ? name.reference : undefined;
    const repository = reference && familiarName(reference);
    const tagged =
      reference?.tag === undefined && reference?.digest === undefined && repository !== undefined
        ? records.all().flatMap((image) => tagsOf(image, repository))
        : [];
    for (const { image, tag } of tagged) add(image, [tag], text);
    if (tagged.length > 0) continue;
    const image = records.tryResolve(text);
    if (!image) {
      throw new NotFoundError(
        reference?.tag === undefined ? `No such image: ${text}` : "reference does not exist",
      );
    }
    const tag = reference && familiarReference(withDefaultTag(reference));
    add(image, tag !== undefined && image.tags.includes(tag) ? [tag] : [], text);
  }
  return [...chosen.values()];
}

function variantsToSave(
  records: ImageRecords,
  image: ImageRecord,
  reference: string,
  platforms: readonly Platform[],
): readonly ImageRecord[] {
  if (platforms.length === 0) return variantsOf(records, image);
  const chosen = platforms.map((one) => chooseVariant(records, image, reference, one));
  return [...new Map(chosen.map((one) => [one.id, one])).values()];
}

/** An image of one variant is saved without what its index says of others. */
function indexToSave({ image, variants }: SavedImage): Descriptor | undefined {
  const hasMore = variants.length > 1 || variants.some(({ attached = [] }) => attached.length > 0);
  return hasMore ? image.index : undefined;
}

function tagsOf(
  image: ImageRecord,
  repository: string,
): readonly { readonly image: ImageRecord; readonly tag: string }[] {
  return image.tags
    .filter((tag) => familiarName(parseImageReference(tag)) === repository)
    .map((tag) => ({ image, tag }));
}

/** Blobs that an archive of these images holds. */
export function blobsToSave(images: readonly SavedImage[]): readonly Digest[] {
  const digests = images.flatMap((saved) => {
    const index = indexToSave(saved);
    return [
      ...(index ? [index.digest] : []),
      ...saved.variants.flatMap((variant) => blobsOfVariant(variant, index !== undefined)),
    ];
  });
  return [...new Set(digests)].toSorted();
}

function blobsOfVariant(variant: ImageRecord, withAttached: boolean): readonly Digest[] {
  const attached = withAttached ? (variant.attached ?? []) : [];
  const innerIndexes = withAttached ? (variant.innerIndexes ?? []) : [];
  const descriptors = [
    ...innerIndexes,
    ...attached.flatMap(({ manifest, blobs }) => [manifest, ...blobs]),
  ];
  const digests = [variant.manifest, ...variant.layers, ...descriptors].map(({ digest }) => digest);
  return [variant.id, ...digests];
}

/**
 * The archive that docker 28 writes: an OCI layout with `manifest.json` and `repositories` for older
 * readers. All times are 1970, so that the same images always give the same bytes.
 */
export async function* saveImages(
  content: ContentStore,
  images: readonly SavedImage[],
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  yield* writeTar(members(content, images, signal));
}

function* members(
  content: ContentStore,
  images: readonly SavedImage[],
  signal: AbortSignal,
): Iterable<TarMember> {
  const digests = blobsToSave(images);
  const algorithms = new Set(digests.map((digest) => digest.slice(0, digest.indexOf(":"))));
  yield { header: tarHeader({ name: "blobs/", type: "directory" }) };
  for (const algorithm of [...algorithms].toSorted()) {
    yield { header: tarHeader({ name: `blobs/${algorithm}/`, type: "directory" }) };
  }
  for (const digest of digests) {
    const sizeBytes = content.info(digest)?.sizeBytes;
    if (sizeBytes === undefined)
      throw new NotFoundError(`Cannot save image: blob ${digest} is gone`);
    const header = tarHeader({ name: blobPath(digest), type: "file", sizeBytes });
    yield { header, body: untilAborted(content.read(digest), signal) };
  }
  yield jsonMember("index.json", layoutIndex(images));
  yield jsonMember("manifest.json", images.map(legacyManifest));
  yield jsonMember("oci-layout", { imageLayoutVersion: "1.0.0" });
  const repositories = legacyRepositories(images);
  if (Object.keys(repositories).length > 0) yield jsonMember("repositories", repositories);
}

async function* untilAborted(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    signal.throwIfAborted();
    yield chunk;
  }
}

function jsonMember(name: string, value: unknown): TarMember {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  return { header: tarHeader({ name, type: "file", sizeBytes: body.byteLength }), body };
}

function layoutIndex(images: readonly SavedImage[]): unknown {
  const manifests = images.flatMap((saved): readonly Descriptor[] => {
    const { image, tags } = saved;
    // what came with the descriptor from elsewhere said where that was, not what it is called here
    const { annotations: _, ...manifest } = indexToSave(saved) ?? image.manifest;
    if (tags.length === 0) return [manifest];
    return tags.map((text) => {
      const reference = parseImageReference(text);
      return {
        ...manifest,
        annotations: {
          "io.containerd.image.name": formatImageReference(reference),
          "org.opencontainers.image.ref.name": reference.tag ?? "latest",
        },
      };
    });
  });
  return indexToWire({ mediaType: OCI_INDEX, manifests });
}

function legacyManifest({ image, tags }: SavedImage): unknown {
  // `docker load` reads the blobs by these; packed ones it unpacks by itself
  const sources = image.diffIds.map((diffId, index): readonly [string, unknown] => {
    const layer = image.layers[index];
    return [
      diffId,
      layer && descriptorToWire({ ...layer, mediaType: layer.mediaType || OCI_LAYER }),
    ];
  });
  return {
    Config: blobPath(image.id),
    RepoTags: tags.length > 0 ? tags : null,
    Layers: image.layers.map((layer) => blobPath(layer.digest)),
    LayerSources: Object.fromEntries(sources),
  };
}

function legacyRepositories(
  images: readonly SavedImage[],
): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const repositories: Record<string, Record<string, string>> = {};
  for (const { image, tags } of images) {
    const top = image.layers.at(-1);
    if (!top) continue;
    for (const text of tags) {
      const reference = parseImageReference(text);
      const tagsOfName = (repositories[familiarName(reference)] ??= {});
      tagsOfName[reference.tag ?? "latest"] = digestHex(top.digest);
    }
  }
  return repositories;
}
