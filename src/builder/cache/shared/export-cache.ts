import { NotFoundError } from "#base/errors.ts";
import type { ExportResponse, SolvedImage } from "#builder/builder.ts";
import type { LayerPacker } from "#builder/exporters/pack-layer.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { StepLayers } from "#builder/solver/step-layers.ts";
import type { OpenVertex } from "#builder/solver/vertices.ts";
import type { Lease } from "#images/leases.ts";
import { type ChainId, digestOf, parseDigest } from "#spec/digest.ts";
import { OCI_MANIFEST } from "#spec/media-types.ts";
import { type Descriptor, manifestToWire } from "#spec/oci-image.ts";
import { CACHE_CONFIG, type SharedLayer, writeSharedLayers } from "./document.ts";
import type { CacheTarget } from "./location.ts";
import { type CacheClient, type CacheDestination, openDestination } from "./places.ts";

type ExportParts = Pick<BuilderParts, "content" | "records" | "registries"> & {
  readonly layers: StepLayers;
  readonly packer: LayerPacker;
};

/** What is known of a layer that a step made; undefined for those of base images. */
export function sharedLayerOf(
  { records }: Pick<BuilderParts, "records">,
  chainId: ChainId,
): SharedLayer | undefined {
  const record = records.layers.get(chainId);
  if (!record) return undefined;
  return {
    diffId: record.diffId,
    chainId,
    ...(record.parent === undefined ? {} : { parent: record.parent }),
    keys: records.entries.findBy("chain", chainId).map(([key]) => parseDigest(key)),
    description: record.description,
    createdMs: record.createdMs,
  };
}

/** The layers of images that steps made. */
export function layersOfImages(
  parts: Pick<BuilderParts, "records">,
  images: readonly SolvedImage[],
): readonly SharedLayer[] {
  const chainIds = new Set(images.flatMap(({ layers }) => layers.map(({ chainId }) => chainId)));
  return [...chainIds].flatMap((chainId) => sharedLayerOf(parts, chainId) ?? []);
}

/**
 * Writes a cache to where others find it: the layers' tars, and what each is found by.
 *
 * @param shared Those of the image, or of all steps.
 * @returns What the client is told.
 */
export async function exportCache(
  parts: ExportParts,
  shared: readonly SharedLayer[],
  target: Exclude<CacheTarget, { readonly kind: "inline" }>,
  context: { readonly vertex: OpenVertex; readonly lease: Lease; readonly client: CacheClient },
  signal: AbortSignal,
): Promise<ExportResponse> {
  const { vertex, lease } = context;
  const destination = await openDestination(parts, target, context.client, signal);
  const blobs: Descriptor[] = [];
  for (const layer of shared) {
    const built = { ...layer, sizeBytes: 0, ...knownBlob(parts, layer.chainId) };
    const { blob: plain } = await parts.layers.withBlob(built, lease, signal);
    const { packing } = target;
    const given = { blob: plain, chainId: layer.chainId };
    const blob = packing ? await parts.packer.pack(given, packing, lease, signal) : plain;
    await send(destination, parts, blob, vertex, signal);
    blobs.push(blob);
  }
  const config = Buffer.from(JSON.stringify(writeSharedLayers(shared)));
  const descriptor: Descriptor = {
    mediaType: CACHE_CONFIG,
    digest: digestOf(config),
    sizeBytes: config.byteLength,
  };
  const readConfig = async function* read(offset: number, end: number): AsyncIterable<Uint8Array> {
    yield config.subarray(offset, end);
  };
  await destination.send(descriptor, readConfig, () => {}, signal);
  const manifest = { mediaType: OCI_MANIFEST, config: descriptor, layers: blobs };
  const bytes = Buffer.from(JSON.stringify(manifestToWire(manifest)));
  const response = await destination.finish(bytes, signal);
  vertex.status(`writing cache manifest ${digestOf(bytes)}`, 0, undefined, true);
  return response;
}

function knownBlob(
  { records }: Pick<BuilderParts, "records">,
  chainId: ChainId,
): { readonly blob?: Descriptor } {
  const blob = records.layerOf(chainId);
  return blob ? { blob } : {};
}

async function send(
  destination: CacheDestination,
  { content }: Pick<BuilderParts, "content">,
  blob: Descriptor,
  vertex: OpenVertex,
  signal: AbortSignal,
): Promise<void> {
  const name = `writing layer ${blob.digest}`;
  const info = content.info(blob.digest);
  if (!info) throw new NotFoundError(`Cannot export the cache: blob ${blob.digest} is gone`);
  await destination.send(
    blob,
    (offset, end) => content.read(blob.digest, { offset, end }),
    (sentBytes) => vertex.status(name, sentBytes, blob.sizeBytes, false),
    signal,
  );
  vertex.status(name, blob.sizeBytes, blob.sizeBytes, true);
}
