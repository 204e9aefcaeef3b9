import { InvalidArgumentError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import { parseJson } from "#base/json.ts";
import {
  type ChainId,
  chainIdOn,
  type Digest,
  type DiffId,
  parseDiffId,
  parseDigest,
  tryParseDigest,
} from "#spec/digest.ts";

/** What a registry holds of a cache: its media type as the configuration of an image manifest. */
export const CACHE_CONFIG = "application/vnd.wharf.buildcache.v1+json";
/** Property of an image's configuration that holds the same for the image's own layers. */
export const INLINE_PROPERTY = "wharf.buildcache.v1";
export const CACHE_DOCUMENT_MAX_BYTES: number = 16 * 1024 * 1024;

/** A layer that a step made elsewhere, and what it is found by. */
export interface SharedLayer {
  readonly diffId: DiffId;
  readonly chainId: ChainId;
  /** What it stands on: it is of use only there. */
  readonly parent?: ChainId;
  /** Digests of all that the step depended on. */
  readonly keys: readonly Digest[];
  readonly description: string;
  readonly createdMs: number;
}

/** @returns One object a layer, in the order of the manifest's layers; JSON. */
export function writeSharedLayers(layers: readonly SharedLayer[]): object {
  return {
    layers: layers.map(({ diffId, parent, keys, description, createdMs }) => ({
      diffId,
      ...(parent === undefined ? {} : { parent }),
      keys,
      description,
      createdMs,
    })),
  };
}

/** @throws {InvalidArgumentError} It is no such document. */
export function readSharedLayers(reader: JsonReader): readonly SharedLayer[] {
  return (reader.objects("layers") ?? []).map((one) => {
    const diffId = parseDiffId(one.string("diffId") ?? "");
    const below = one.string("parent") ?? "";
    if (below !== "" && !tryParseDigest(below).ok) {
      throw new InvalidArgumentError(`Cannot read a build cache: ${below} is no chain id`);
    }
    const parent = below === "" ? undefined : (below as ChainId); // a chain id is a digest
    return {
      diffId,
      chainId: chainIdOn(parent, diffId),
      ...(parent === undefined ? {} : { parent }),
      keys: (one.strings("keys") ?? []).map(parseDigest),
      description: one.string("description") ?? "",
      createdMs: one.integer("createdMs") ?? 0,
    };
  });
}

/**
 * @param isInline The document is an image's configuration.
 * @returns Undefined where an image holds no cache.
 */
export function parseSharedLayers(
  bytes: Uint8Array,
  isInline: boolean,
): readonly SharedLayer[] | undefined {
  const text = new TextDecoder().decode(bytes);
  const reader = JsonReader.of(parseJson(text, { maxLength: CACHE_DOCUMENT_MAX_BYTES }), {});
  if (!isInline) return readSharedLayers(reader);
  const inline = reader.object(INLINE_PROPERTY);
  return inline && readSharedLayers(inline);
}
