import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { forEachLimited } from "#base/async.ts";
import type { ContentStore } from "#content/content.ts";
import { makeManifest } from "#images/add-image.ts";
import type { ImageRecord } from "#images/images.ts";
import type { Lease } from "#images/leases.ts";
import type { ImageRecords } from "#images/records.ts";
import { type ChainId, chainIdsOf } from "#spec/digest.ts";
import { OCI_LAYER, OCI_LAYER_GZIP } from "#spec/media-types.ts";
import { type Descriptor, IMAGE_CONFIG_MAX_BYTES } from "#spec/oci-image.ts";

const CHUNK_BYTES = 1024 * 1024;
/** Compression runs on threads of its own. */
const PARALLEL_PACKS = 2;

export interface PackOptions {
  readonly content: ContentStore;
  readonly records: ImageRecords;
}

/**
 * Whether an image's layers go out packed by gzip, though they are kept plain: what was made here (import,
 * commit). What came from a registry stays byte for byte as it is.
 */
export function isToBePacked(image: ImageRecord): boolean {
  return (
    image.repoDigests.length === 0 && image.layers.some((layer) => layer.mediaType === OCI_LAYER)
  );
}

/**
 * Packs an image's plain layers, and makes them and their manifest the image's own: the next push has
 * nothing to do, and sends the same bytes.
 */
export async function packLayers(
  options: PackOptions,
  image: ImageRecord,
  lease: Lease,
  signal: AbortSignal,
): Promise<ImageRecord> {
  const { content, records } = options;
  const chainIds = chainIdsOf(image.diffIds);
  const packed: Descriptor[] = [...image.layers];
  await forEachLimited(image.layers.keys(), PARALLEL_PACKS, async (index) => {
    const layer = image.layers[index];
    const chainId = chainIds[index];
    if (!layer || chainId === undefined || layer.mediaType !== OCI_LAYER) return;
    const known = knownPacking(records, chainId);
    if (known) lease.add(known.digest);
    packed[index] = known ?? (await pack(content, layer, lease, signal));
  });
  const configBytes = await content.readBytes(image.id, IMAGE_CONFIG_MAX_BYTES);
  const manifest = makeManifest(configBytes, packed);
  await content.ingest(once(manifest.bytes), { digest: manifest.descriptor.digest, lease }, signal);
  return records.transaction(() => {
    const now = records.get(image.id);
    if (!now) return { ...image, layers: packed, manifest: manifest.descriptor };
    const next = { ...now, layers: packed, manifest: manifest.descriptor };
    records.put(next);
    return next;
  });
}

/** Of another image that has the same layer, and was packed before. */
function knownPacking(records: ImageRecords, chainId: ChainId): Descriptor | undefined {
  return records.layersOf(chainId).find((layer) => layer.mediaType !== OCI_LAYER);
}

async function pack(
  content: ContentStore,
  layer: Descriptor,
  lease: Lease,
  signal: AbortSignal,
): Promise<Descriptor> {
  const plain = Readable.from(content.read(layer.digest), {
    objectMode: false,
    highWaterMark: CHUNK_BYTES,
  });
  const gzip = createGzip({ chunkSize: CHUNK_BYTES });
  plain.on("error", (error) => gzip.destroy(error));
  try {
    const blob = await content.ingest(plain.pipe(gzip), { lease }, signal);
    return { mediaType: OCI_LAYER_GZIP, digest: blob.digest, sizeBytes: blob.sizeBytes };
  } finally {
    plain.destroy();
    gzip.destroy();
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
