import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { ClientStore } from "#builder/cache/shared/places.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { Lease } from "#images/leases.ts";
import { chainIdsOf, type Digest, digestOf, parseDigest } from "#spec/digest.ts";
import { isIndexType, OCI_MANIFEST } from "#spec/media-types.ts";
import {
  IMAGE_CONFIG_MAX_BYTES,
  type Manifest,
  MANIFEST_MAX_BYTES,
  parseImageConfig,
  parseIndex,
  parseManifest,
} from "#spec/oci-image.ts";
import { formatPlatform, type Platform, selectPlatform } from "#spec/platform.ts";
import type { BaseImage } from "./image-source.ts";

const LAYOUT = /^oci-layout:\/\/([^@:]+)(?::[^@]*)?@(.+)$/;
const MAX_INDEX_DEPTH = 4;

/** Where an image stands in a folder of the client's. */
export interface LayoutPlace {
  readonly storeId: string;
  readonly digest: Digest;
}

/** @returns Undefined for a context of another kind. @throws {InvalidArgumentError} It has no digest. */
export function parseLayoutPlace(context: string): LayoutPlace | undefined {
  if (!context.startsWith("oci-layout://")) return undefined;
  const [, name, digest] = LAYOUT.exec(context) ?? [];
  if (name === undefined || digest === undefined) {
    throw new InvalidArgumentError(`Cannot take context ${context}: it names no digest`);
  }
  return { storeId: `oci:${name}`, digest: parseDigest(digest) };
}

export interface LayoutWish {
  readonly store: ClientStore;
  readonly digest: Digest;
  readonly platform: Platform;
  /** Holds what comes. */
  readonly lease: Lease;
  readonly onProgress: (id: string, currentBytes: number, totalBytes: number) => void;
}

/**
 * Takes an image out of a folder of the client's: its layers are the engine's from then on, without a name.
 *
 * @throws {NotFoundError} A part of it is not there, or is not what it is called by; none of it is for the platform.
 */
export async function takeLayoutImage(
  parts: Pick<BuilderParts, "content" | "images" | "snapshots">,
  { store, digest, platform, lease, onProgress }: LayoutWish,
  signal: AbortSignal,
): Promise<BaseImage> {
  const { content, images, snapshots } = parts;
  const manifest = await readManifest(store, digest, platform, signal);
  const { config: configOf, layers } = manifest;
  const configBytes = await readBlob(store, configOf.digest, IMAGE_CONFIG_MAX_BYTES, signal);
  const config = parseImageConfig(configBytes);
  if (config.diffIds.length !== layers.length) {
    throw new InvalidArgumentError(
      `Cannot take image ${digest}: its layers are not those it names`,
    );
  }
  let parent: ReturnType<typeof chainIdsOf>[number] | undefined;
  for (const [index, chainId] of chainIdsOf(config.diffIds).entries()) {
    const [blob, diffId] = [layers[index], config.diffIds[index]];
    if (!blob || diffId === undefined) continue;
    if (!content.info(blob.digest)) {
      const bytes = counted(store.read(blob.digest, signal), (read) =>
        onProgress(blob.digest, read, blob.sizeBytes),
      );
      await content.ingest(
        bytes,
        { digest: blob.digest, sizeBytes: blob.sizeBytes, lease },
        signal,
      );
    }
    lease.add(blob.digest);
    if (!snapshots.stat(chainId)) {
      await images.provideLayer({ parent, diffId, blob, lease }, signal);
    }
    lease.addLayer(chainId);
    parent = chainId;
  }
  return { id: configOf.digest, config, diffIds: config.diffIds, layers };
}

/** Through indexes to the manifest for a platform. */
async function readManifest(
  store: ClientStore,
  top: Digest,
  platform: Platform,
  signal: AbortSignal,
): Promise<Manifest> {
  let digest = top;
  for (let depth = 0; depth <= MAX_INDEX_DEPTH; depth++) {
    const bytes = await readBlob(store, digest, MANIFEST_MAX_BYTES, signal);
    const mediaType = mediaTypeOf(bytes);
    if (!isIndexType(mediaType)) return parseManifest(bytes, mediaType);
    const { manifests } = parseIndex(bytes, mediaType);
    const candidates = manifests.filter((one) => one.platform !== undefined);
    const chosen =
      candidates[
        selectPlatform(
          platform,
          candidates.flatMap((one) => one.platform ?? []),
        )
      ];
    const only = manifests.length === 1 ? manifests[0] : undefined;
    const next = chosen ?? (candidates.length === 0 ? only : undefined);
    if (!next) throw new NotFoundError(`image ${top} is not there for ${formatPlatform(platform)}`);
    ({ digest } = next);
  }
  throw new InvalidArgumentError(
    `Cannot take image ${top}: its indexes are nested more than ${MAX_INDEX_DEPTH} deep`,
  );
}

function mediaTypeOf(bytes: Uint8Array): string {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (typeof value !== "object" || value === null) return OCI_MANIFEST;
  if ("mediaType" in value && typeof value.mediaType === "string") return value.mediaType;
  // image-spec says of both that they should tell
  return "manifests" in value ? "application/vnd.oci.image.index.v1+json" : OCI_MANIFEST;
}

async function readBlob(
  store: ClientStore,
  digest: Digest,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of store.read(digest, signal)) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) throw new NotFoundError(`${digest} is over ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (digestOf(bytes) === digest) return bytes;
  throw new NotFoundError(`the client has another ${digest} than it says`);
}

async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  onRead: (readBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let readBytes = 0;
  for await (const chunk of bytes) {
    readBytes += chunk.byteLength;
    onRead(readBytes);
    yield chunk;
  }
}
