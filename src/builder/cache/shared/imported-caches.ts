import { messageOf, NotFoundError } from "#base/errors.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { Vertices } from "#builder/solver/vertices.ts";
import type { Lease } from "#images/leases.ts";
import { type ChainId, type Digest, digestOf } from "#spec/digest.ts";
import { type Descriptor, parseManifest } from "#spec/oci-image.ts";
import {
  CACHE_CONFIG,
  CACHE_DOCUMENT_MAX_BYTES,
  parseSharedLayers,
  type SharedLayer,
} from "./document.ts";
import { type CacheLocation, readCacheSource } from "./location.ts";
import { type CacheClient, type CacheOrigin, nameOfSource, openOrigin } from "./places.ts";

type ImportParts = Pick<BuilderParts, "content" | "images" | "records" | "registries">;

interface Found {
  readonly layer: SharedLayer;
  readonly blob: Descriptor;
  readonly origin: CacheOrigin;
  /** Tells that a layer could not be had. */
  readonly onFailure: (error: unknown) => void;
}

/** Caches that a build may take layers from: what each step's key leads to there. */
export class ImportedCaches {
  readonly #parts: ImportParts;
  readonly #found = new Map<Digest, Found>();

  constructor(parts: ImportParts) {
    this.#parts = parts;
  }

  /** Reads what a cache has. One that cannot be had is told of, and does without. */
  async open(
    location: CacheLocation,
    context: { readonly vertices: Vertices; readonly client: CacheClient },
    signal: AbortSignal,
  ): Promise<void> {
    const source = readCacheSource(location);
    const name = nameOfSource(source);
    const vertex = context.vertices.add(`importing cache manifest from ${name}`);
    vertex.begin();
    try {
      const origin = await openOrigin(this.#parts, source, context.client, signal);
      const { mediaType, bytes } = await origin.manifest(signal);
      const { config, layers: blobs } = parseManifest(bytes, mediaType);
      const document = await readVerified(origin, config, signal);
      const isInline = config.mediaType !== CACHE_CONFIG;
      const onFailure = (error: unknown): void => {
        const text = `Cannot take a layer from ${name}: ${messageOf(error)}\n`;
        vertex.log("stderr", Buffer.from(text));
      };
      const layers = parseSharedLayers(document, isInline);
      if (!layers) throw new NotFoundError(`${name} holds no build cache of this engine's kind`);
      // an image's cache tells of its topmost layers
      const first = isInline ? blobs.length - layers.length : 0;
      for (const [index, layer] of layers.entries()) {
        const blob = blobs[first + index];
        if (!blob) throw new NotFoundError(`${name} has fewer layers than its cache tells of`);
        for (const key of layer.keys) this.#found.set(key, { layer, blob, origin, onFailure });
      }
      vertex.done();
    } catch (error) {
      signal.throwIfAborted();
      vertex.fail(new NotFoundError(messageOf(error), { cause: error }));
    }
  }

  /** Whether a cache has what the step with this key makes of this parent. */
  has(key: Digest, parent: ChainId | undefined): boolean {
    const found = this.#found.get(key);
    return found !== undefined && found.layer.parent === parent;
  }

  /**
   * Brings that layer among the builder's own, once. What cannot be had is forgotten, so that the step is done instead.
   */
  async bring(key: Digest, lease: Lease, signal: AbortSignal): Promise<void> {
    const found = this.#found.get(key);
    if (!found) return;
    this.#found.delete(key);
    try {
      await this.#fetch(found, lease, signal);
    } catch (error) {
      signal.throwIfAborted();
      found.onFailure(error);
    }
  }

  async #fetch({ layer, blob, origin }: Found, lease: Lease, signal: AbortSignal): Promise<void> {
    const { content, images, records } = this.#parts;
    const { diffId, description, createdMs, parent } = layer;
    if (!content.info(blob.digest)) {
      const bytes = await origin.openBlob(blob.digest, signal);
      const expected = { digest: blob.digest, sizeBytes: blob.sizeBytes, lease };
      await content.ingest(bytes, expected, signal);
    }
    lease.add(blob.digest);
    const sizeBytes = await images.provideLayer({ parent, diffId, blob, lease }, signal);
    const below = parent === undefined ? {} : { parent };
    records.put(
      layer.chainId,
      { diffId, ...below, sizeBytes, blob, description, createdMs, usageCount: 0 },
      layer.keys,
    );
  }
}

async function readVerified(
  origin: CacheOrigin,
  config: Descriptor,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = await origin.readBlob(config.digest, CACHE_DOCUMENT_MAX_BYTES, signal);
  if (digestOf(bytes) === config.digest) return bytes;
  throw new NotFoundError(`${origin.name} has another ${config.digest} than it says`);
}
