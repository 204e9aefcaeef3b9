import { InvalidArgumentError } from "#base/errors.ts";
import type { ContentStore } from "#content/content.ts";
import { chainIdsOf, type Digest, digestOf } from "#spec/digest.ts";
import { OCI_CONFIG, OCI_MANIFEST } from "#spec/media-types.ts";
import {
  type Descriptor,
  type ImageConfig,
  manifestToWire,
  parseImageConfig,
  parseManifest,
} from "#spec/oci-image.ts";
import type { AttachedManifest, ImageRecord } from "./images.ts";
import type { Lease } from "./leases.ts";
import type { LayerProgress, Layers, WantedLayer } from "./layers.ts";
import type { ImageRecords } from "./records.ts";

export interface AddImageOptions {
  readonly content: ContentStore;
  readonly layers: Layers;
  readonly records: ImageRecords;
  readonly nowMs: () => number;
}

/** An image whose parts are all in the content store, leased. */
export interface ImageParts {
  readonly configBytes: Uint8Array;
  readonly layers: readonly WantedLayer[];
  /** The manifest it came with; one is made where it is missing or does not fit the blobs. */
  readonly manifest?: { readonly descriptor: Descriptor; readonly bytes: Uint8Array };
  readonly index?: { readonly descriptor: Descriptor; readonly bytes: Uint8Array };
  /** Between the index and the manifest, outermost first. */
  readonly innerIndexes?: readonly {
    readonly descriptor: Descriptor;
    readonly bytes: Uint8Array;
  }[];
  /** Keeps the manifest also where layers are there in another packing. */
  readonly isManifestKept?: boolean;
  /** Become the image's own blobs, however its layers are packed elsewhere; in the content store. */
  readonly packed?: readonly Descriptor[];
  /** What the index has about the image, in the content store and leased when it resolves. */
  readonly attached?: Promise<readonly AttachedManifest[]>;
}

/** @throws {InvalidArgumentError} No config, or of another operating system. */
export function readRunnableConfig(bytes: Uint8Array): ImageConfig {
  const config = parseImageConfig(bytes);
  if (config.platform.os !== "" && config.platform.os !== "linux") {
    throw new InvalidArgumentError(`cannot load ${config.platform.os} image on linux`);
  }
  return config;
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/**
 * Unpacks an image's layers and makes its record: only then is it visible, and whole. An image that
 * is there already keeps its record. The lease keeps either from being removed before it has a name.
 */
export async function addImage(
  options: AddImageOptions,
  parts: ImageParts,
  lease: Lease,
  onProgress: (progress: LayerProgress) => void,
  signal: AbortSignal,
): Promise<ImageRecord> {
  const { content, layers, records } = options;
  const id = digestOf(parts.configBytes);
  const config = readRunnableConfig(parts.configBytes);
  for (const chainId of chainIdsOf(config.diffIds)) lease.addLayer(chainId);
  lease.addImage(id);
  const store = async (bytes: Uint8Array, digest?: Digest): Promise<Digest> => {
    const expected = digest === undefined ? { lease } : { digest, lease };
    return (await content.ingest(once(bytes), expected, signal)).digest;
  };
  const existing = records.get(id);
  if (existing && !parts.isManifestKept && !isToGetIndex(existing, parts)) {
    await Promise.allSettled([parts.attached]); // under way, and held by the caller's lease
    return existing;
  }
  for (const { digest } of existing?.layers ?? []) lease.add(digest);
  const provided =
    existing?.layers ?? (await layers.provide(parts.layers, lease, onProgress, signal));
  const descriptors = parts.packed ?? provided;
  await store(parts.configBytes, id);
  const manifest =
    fittingManifest(parts, id, descriptors) ?? makeManifest(parts.configBytes, descriptors);
  await store(manifest.bytes, manifest.descriptor.digest);
  const index = manifest === parts.manifest ? parts.index : undefined;
  const innerIndexes = index ? (parts.innerIndexes ?? []) : [];
  for (const one of index ? [index, ...innerIndexes] : []) {
    await store(one.bytes, one.descriptor.digest);
  }
  const attached = index && parts.attached ? await parts.attached : [];
  await layers.sync();
  const documents = {
    manifest: manifest.descriptor,
    ...(index ? { index: index.descriptor } : {}),
    ...(innerIndexes.length > 0
      ? { innerIndexes: innerIndexes.map(({ descriptor }) => descriptor) }
      : {}),
    ...(attached.length > 0 ? { attached } : {}),
    ...(parts.packed ? { layers: parts.packed } : {}),
  };
  const record: ImageRecord = {
    id,
    config,
    diffIds: config.diffIds,
    layers: descriptors,
    ...documents,
    tags: [],
    repoDigests: [],
    sizeBytes: layers.sizeBytes(config.diffIds),
    createdLocallyMs: options.nowMs(),
  };
  return records.transaction(() => {
    // another load of the same image may have ended meanwhile, and been tagged
    const meanwhile = records.get(id);
    const {
      index: _index,
      innerIndexes: _innerIndexes,
      attached: _attached,
      ...known
    } = meanwhile ?? record;
    const isNewer = parts.isManifestKept || (meanwhile && isToGetIndex(meanwhile, parts));
    const next = isNewer && meanwhile ? { ...known, ...documents } : meanwhile;
    if (next !== meanwhile || !meanwhile) records.put(next ?? record);
    return next ?? record;
  });
}

/** An image that came by itself becomes a part of the index that it comes with now. */
function isToGetIndex(existing: ImageRecord, { manifest, index }: ImageParts): boolean {
  const isSame = existing.manifest.digest === manifest?.descriptor.digest;
  return existing.index === undefined && index !== undefined && isSame;
}

/** The manifest it came with, if it names exactly this config and these blobs. */
function fittingManifest(
  parts: ImageParts,
  configDigest: Digest,
  layers: readonly Descriptor[],
): ImageParts["manifest"] {
  if (!parts.manifest || parts.isManifestKept) return parts.manifest;
  const manifest = parseManifest(parts.manifest.bytes, parts.manifest.descriptor.mediaType);
  const fits =
    manifest.config.digest === configDigest &&
    manifest.layers.length === layers.length &&
    manifest.layers.every((layer, index) => layer.digest === layers[index]?.digest);
  return fits ? parts.manifest : undefined;
}

/** An OCI manifest of a configuration and its layers' blobs. */
export function makeManifest(
  configBytes: Uint8Array,
  layers: readonly Descriptor[],
): { readonly descriptor: Descriptor; readonly bytes: Uint8Array } {
  const config = {
    mediaType: OCI_CONFIG,
    digest: digestOf(configBytes),
    sizeBytes: configBytes.byteLength,
  };
  const text = JSON.stringify(manifestToWire({ mediaType: OCI_MANIFEST, config, layers }));
  const bytes = Buffer.from(text);
  const descriptor = {
    mediaType: OCI_MANIFEST,
    digest: digestOf(bytes),
    sizeBytes: bytes.byteLength,
  };
  return { descriptor, bytes };
}
