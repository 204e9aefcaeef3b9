import { NotFoundError } from "#base/errors.ts";
import type { SolvedImage } from "#builder/builder.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { StepLayers } from "#builder/solver/step-layers.ts";
import type { OpenVertex } from "#builder/solver/vertices.ts";
import type { CredentialSource } from "#builder/sources/image-source.ts";
import type { Lease } from "#images/leases.ts";
import { ANONYMOUS } from "#registry-client/auth/credentials.ts";
import type { Repository } from "#registry-client/repository.ts";
import { type ChainId, digestOf, parseDigest } from "#spec/digest.ts";
import { OCI_MANIFEST } from "#spec/media-types.ts";
import { type Descriptor, manifestToWire } from "#spec/oci-image.ts";
import { CACHE_CONFIG, type SharedLayer, writeSharedLayers } from "./document.ts";
import type { CacheTarget } from "./location.ts";

type ExportParts = Pick<BuilderParts, "content" | "records" | "registries"> & {
  readonly layers: StepLayers;
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
 * Writes a cache to a registry: the layers' tars, and what each is found by.
 *
 * @param shared Those of the image, or of all steps.
 */
export async function exportCache(
  parts: ExportParts,
  shared: readonly SharedLayer[],
  target: Extract<CacheTarget, { readonly kind: "registry" }>,
  context: {
    readonly vertex: OpenVertex;
    readonly lease: Lease;
    readonly credentials: CredentialSource | undefined;
  },
  signal: AbortSignal,
): Promise<void> {
  const { reference } = target;
  const { vertex, lease } = context;
  const credentials = (await context.credentials?.get(reference.domain, signal)) ?? ANONYMOUS;
  const repository = await parts.registries.repository(reference, credentials, "push");
  const blobs: Descriptor[] = [];
  for (const layer of shared) {
    const built = { ...layer, sizeBytes: 0, ...knownBlob(parts, layer.chainId) };
    const { blob } = await parts.layers.withBlob(built, lease, signal);
    await send(repository, parts, blob, vertex, signal);
    blobs.push(blob);
  }
  const config = Buffer.from(JSON.stringify(writeSharedLayers(shared)));
  const descriptor: Descriptor = {
    mediaType: CACHE_CONFIG,
    digest: digestOf(config),
    sizeBytes: config.byteLength,
  };
  await repository.upload(
    {
      digest: descriptor.digest,
      sizeBytes: config.byteLength,
      read: async function* read(offset, end) {
        yield config.subarray(offset, end);
      },
    },
    [],
    () => {},
    signal,
  );
  const manifest = { mediaType: OCI_MANIFEST, config: descriptor, layers: blobs };
  const bytes = Buffer.from(JSON.stringify(manifestToWire(manifest)));
  vertex.status(`writing cache manifest ${digestOf(bytes)}`, 0, undefined, true);
  await repository.putManifest(
    reference.tag ?? "latest",
    { mediaType: OCI_MANIFEST, bytes },
    signal,
  );
}

function knownBlob(
  { records }: Pick<BuilderParts, "records">,
  chainId: ChainId,
): { readonly blob?: Descriptor } {
  const blob = records.layerOf(chainId);
  return blob ? { blob } : {};
}

async function send(
  repository: Repository,
  { content }: Pick<BuilderParts, "content">,
  blob: Descriptor,
  vertex: OpenVertex,
  signal: AbortSignal,
): Promise<void> {
  const name = `writing layer ${blob.digest}`;
  const done = (): void => vertex.status(name, blob.sizeBytes, blob.sizeBytes, true);
  if ((await repository.blobSize(blob.digest, signal)) !== undefined) return done();
  const info = content.info(blob.digest);
  if (!info) throw new NotFoundError(`Cannot export the cache: blob ${blob.digest} is gone`);
  await repository.upload(
    {
      digest: blob.digest,
      sizeBytes: blob.sizeBytes,
      read: (offset, end) => content.read(blob.digest, { offset, end }),
    },
    [],
    (sentBytes) => vertex.status(name, sentBytes, blob.sizeBytes),
    signal,
  );
  done();
}
