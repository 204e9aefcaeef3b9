import { NotFoundError } from "#base/errors.ts";
import type { ContentStore } from "#content/content.ts";
import { makeManifest } from "#images/add-image.ts";
import type { HandedImage, ImageRecord, OfferedDocument, ReadableBlob } from "#images/images.ts";
import type { Leases } from "#images/leases.ts";
import type { Digest } from "#spec/digest.ts";
import {
  type Descriptor,
  IMAGE_CONFIG_MAX_BYTES,
  MANIFEST_MAX_BYTES,
  parseIndex,
  parseManifest,
} from "#spec/oci-image.ts";

/** @see Images.handOver */
export async function handOver(
  content: ContentStore,
  leases: Leases,
  image: ImageRecord,
): Promise<HandedImage> {
  using lease = leases.open();
  const { id } = image;
  lease.add(id);
  for (const { digest } of [image.manifest, ...image.layers]) lease.add(digest);
  if (image.index) lease.add(image.index.digest);
  const { mediaType, digest } = image.manifest;
  const bytes = await content.readBytes(digest, MANIFEST_MAX_BYTES);
  const { layers } = parseManifest(bytes, mediaType);
  if (layers.every((layer) => content.info(layer.digest) !== undefined)) {
    const index = image.index && (await readIndex(content, image.index));
    const named = index?.manifests.some((one) => one.digest === digest) ? index : undefined;
    return { id, manifest: { mediaType, bytes }, ...(named ? { index: named.document } : {}) };
  }
  // a layer that was here before in another packing: its blob is not the manifest's
  const made = makeManifest(await content.readBytes(id, IMAGE_CONFIG_MAX_BYTES), image.layers);
  return { id, manifest: { mediaType: made.descriptor.mediaType, bytes: made.bytes } };
}

async function readIndex(
  content: ContentStore,
  { mediaType, digest }: Descriptor,
): Promise<{ readonly document: OfferedDocument; readonly manifests: readonly Descriptor[] }> {
  const bytes = await content.readBytes(digest, MANIFEST_MAX_BYTES);
  return { document: { mediaType, bytes }, manifests: parseIndex(bytes, mediaType).manifests };
}

/** @see Images.openBlob */
export function openImageBlob(
  content: ContentStore,
  leases: Leases,
  image: ImageRecord,
  digest: Digest,
): ReadableBlob {
  const own = [image.id, ...image.layers.map((layer) => layer.digest)];
  const info = own.includes(digest) ? content.info(digest) : undefined;
  if (!info)
    throw new NotFoundError(`Cannot read blob ${digest}: image ${image.id} has none of it`);
  const { sizeBytes } = info;
  return {
    sizeBytes,
    read: async function* read(offset, signal) {
      using lease = leases.open();
      lease.add(digest);
      for await (const chunk of content.read(digest, { offset, end: sizeBytes })) {
        signal.throwIfAborted();
        yield chunk;
      }
    },
  };
}
