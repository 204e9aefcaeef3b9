import { pipeline, Readable, type Transform } from "node:stream";
import {
  constants,
  createGunzip,
  createGzip,
  createZstdCompress,
  createZstdDecompress,
} from "node:zlib";
import { KeyedMutex } from "#base/async.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { ContentLease } from "#content/content.ts";
import type { ChainId } from "#spec/digest.ts";
import {
  layerCompression,
  type LayerCompression,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_LAYER_ZSTD,
} from "#spec/media-types.ts";
import type { Descriptor } from "#spec/oci-image.ts";
import type { CompressionWish } from "./attributes.ts";

const CHUNK_BYTES = 1024 * 1024;
const MEDIA_TYPES: Readonly<Record<LayerCompression, string>> = {
  none: OCI_LAYER,
  gzip: OCI_LAYER_GZIP,
  zstd: OCI_LAYER_ZSTD,
};
/** Packings of layers that no record of the builder's is about: of base images that came plain. */
const KNOWN_MAX = 1000;

type PackParts = Pick<BuilderParts, "content" | "records">;

/** Layers as exporters want them packed; each is packed once. */
export class LayerPacker {
  readonly #parts: PackParts;
  readonly #known = new Map<string, Descriptor>();
  readonly #packing = new KeyedMutex();

  constructor(parts: PackParts) {
    this.#parts = parts;
  }

  /**
   * The layer's blob as it is wished for: one that is packed otherwise stays as it is unless that is forced, and a plain one
   * is always packed.
   */
  async pack(
    layer: { readonly blob: Descriptor; readonly chainId?: ChainId },
    wish: CompressionWish,
    lease: ContentLease,
    signal: AbortSignal,
  ): Promise<Descriptor> {
    const { blob } = layer;
    const own = layerCompression(blob.mediaType) ?? "none";
    if (own === wish.compression && !(wish.isForced && wish.level !== undefined)) return blob;
    if (own !== "none" && !wish.isForced) return blob;
    const key = `${wish.compression}:${wish.level ?? ""}`;
    const name = `${blob.digest} ${key}`;
    // a second build waits for the first, and does it itself when that one is given up
    using _ = await this.#packing.acquire(name, signal);
    const packed =
      this.#find(layer, key, name) ??
      (await this.#make(layer, own, { wish, key, name }, lease, signal));
    lease.add(packed.digest);
    return packed;
  }

  #find(
    { chainId }: { readonly chainId?: ChainId },
    key: string,
    name: string,
  ): Descriptor | undefined {
    const { content, records } = this.#parts;
    const recorded = chainId && records.layers.get(chainId)?.packings?.[key];
    const found = recorded ?? this.#known.get(name);
    return found && content.info(found.digest) ? found : undefined;
  }

  async #make(
    { blob, chainId }: { readonly blob: Descriptor; readonly chainId?: ChainId },
    from: LayerCompression,
    {
      wish,
      key,
      name,
    }: { readonly wish: CompressionWish; readonly key: string; readonly name: string },
    lease: ContentLease,
    signal: AbortSignal,
  ): Promise<Descriptor> {
    const { content, records } = this.#parts;
    const stream = recode(content.read(blob.digest), from, wish);
    const { digest, sizeBytes } = await content.ingest(stream, { lease }, signal);
    const packed = { mediaType: MEDIA_TYPES[wish.compression], digest, sizeBytes };
    const record = chainId && records.layers.get(chainId);
    if (chainId && record) {
      records.layers.put(chainId, { ...record, packings: { ...record.packings, [key]: packed } });
    } else {
      if (this.#known.size >= KNOWN_MAX) this.#known.clear();
      this.#known.set(name, packed);
    }
    return packed;
  }
}

/** A layer's bytes in another packing. */
function recode(
  bytes: AsyncIterable<Uint8Array>,
  from: LayerCompression,
  { compression, level }: CompressionWish,
): Readable {
  const steps = [...unpackers(from), ...packers(compression, level)];
  const source = Readable.from(bytes, { objectMode: false, highWaterMark: CHUNK_BYTES });
  const last = steps.at(-1);
  if (!last) return source;
  // a failure anywhere ends all, and is thrown where the last is read
  pipeline([source, ...steps], () => undefined);
  return last;
}

function unpackers(from: LayerCompression): readonly Transform[] {
  if (from === "none") return [];
  return [
    from === "gzip"
      ? createGunzip({ chunkSize: CHUNK_BYTES })
      : createZstdDecompress({ chunkSize: CHUNK_BYTES }),
  ];
}

function packers(to: LayerCompression, level: number | undefined): readonly Transform[] {
  if (to === "none") return [];
  if (to === "gzip") {
    return [createGzip({ chunkSize: CHUNK_BYTES, ...(level === undefined ? {} : { level }) })];
  }
  const params = level === undefined ? {} : { [constants.ZSTD_c_compressionLevel]: level };
  return [createZstdCompress({ chunkSize: CHUNK_BYTES, params })];
}
