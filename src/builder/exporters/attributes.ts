import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import type { FrontendAttributes } from "#builder/attributes.ts";
import type { LayerCompression } from "#spec/media-types.ts";
import type { Platform } from "#spec/platform.ts";
import { type Annotation, tryReadAnnotation } from "./annotations.ts";

/** How layers are packed. */
export interface CompressionWish {
  readonly compression: LayerCompression;
  /** The algorithm's own default when absent. */
  readonly level?: number;
  /** Layers that are packed otherwise already are packed anew. */
  readonly isForced: boolean;
}

/** What is asked of an exporter of images. */
export interface ImageAttributes {
  readonly names: readonly string[];
  readonly isPushed: boolean;
  readonly isPushedByDigest: boolean;
  /** Undefined: the exporter's own default. */
  readonly packing: CompressionWish | undefined;
  /** Undefined: the exporter's own default. */
  readonly hasOciTypes: boolean | undefined;
  /** An image without a name is called `PREFIX@sha256:…`. */
  readonly danglingPrefix: string | undefined;
  /** The image is also called `NAME@sha256:…`. */
  readonly isNamedByDigest: boolean;
  readonly annotations: readonly Annotation[];
}

/** About what this engine does anyway, or what other code reads. */
const KNOWN: ReadonlySet<string> = new Set([
  "attestation-inline",
  "attestation-prefix",
  "dest",
  "load",
  "prefer-image-digest",
  "registry.insecure",
  "rewrite-timestamp",
  "source-date-epoch",
  "tar",
  "unpack",
]);
/** What each has to be for us to do it. */
const FIXED: Readonly<Record<string, { readonly value: boolean; readonly why: string }>> = {
  store: { value: true, why: "an image that is built stays in the engine" },
  "oci-artifact": { value: false, why: "attestations are written as image manifests" },
};
const LEVELS: Readonly<Record<LayerCompression, readonly [number, number]>> = {
  none: [0, 0],
  gzip: [-1, 9],
  zstd: [0, 22],
};

/**
 * Reads the attributes of `image`, `docker` and `oci`.
 *
 * @throws {UnsupportedError} What there is not, by name. {InvalidArgumentError} A value that is none.
 */
export function readImageAttributes(
  attributes: FrontendAttributes,
  host: Platform,
): ImageAttributes {
  const annotations: Annotation[] = [];
  for (const [name, value] of Object.entries(attributes)) {
    if (KNOWN.has(name) || READ.has(name)) continue;
    const fixed = FIXED[name];
    if (fixed) {
      if (readFlag(attributes, name) === fixed.value) continue;
      throw new UnsupportedError(`Cannot export with ${name}=${value}: ${fixed.why}`);
    }
    const annotation = tryReadAnnotation(name, value, host);
    if (!annotation) {
      throw new UnsupportedError(`Cannot export with ${name}=${value}: it is not known`);
    }
    annotations.push(annotation);
  }
  const isPushedByDigest = readFlag(attributes, "push-by-digest");
  return {
    names: (attributes["name"] ?? "").split(",").filter((name) => name !== ""),
    isPushed: readFlag(attributes, "push"),
    isPushedByDigest,
    packing: readPacking(attributes),
    hasOciTypes:
      attributes["oci-mediatypes"] === undefined
        ? undefined
        : readFlag(attributes, "oci-mediatypes"),
    danglingPrefix: attributes["dangling-name-prefix"] || undefined,
    isNamedByDigest: readFlag(attributes, "name-canonical"),
    annotations,
  };
}

const READ: ReadonlySet<string> = new Set([
  "compression",
  "compression-level",
  "dangling-name-prefix",
  "force-compression",
  "name",
  "name-canonical",
  "oci-mediatypes",
  "push",
  "push-by-digest",
]);

/** How layers are to be packed; undefined where nothing is said. @throws {InvalidArgumentError} A level that is none. */
export function readPacking(attributes: FrontendAttributes): CompressionWish | undefined {
  const isForced = readFlag(attributes, "force-compression");
  const text = attributes["compression-level"];
  const written = attributes["compression"];
  if (written === undefined && text === undefined && !isForced) return undefined;
  const compression = readCompression(written ?? "gzip");
  if (text === undefined || text === "") return { compression, isForced };
  const [least, most] = LEVELS[compression];
  const level = Number(text);
  if (!/^-?\d{1,3}$/.test(text) || level < least || level > most) {
    throw new InvalidArgumentError(
      `Cannot pack layers by ${written ?? "gzip"} at level ${JSON.stringify(text)}: it is ${least} to ${most}`,
    );
  }
  return { compression, level, isForced };
}

function readCompression(text: string): LayerCompression {
  if (text === "uncompressed") return "none";
  if (text === "gzip" || text === "zstd") return text;
  throw new UnsupportedError(
    `Cannot pack layers by ${JSON.stringify(text)}: there are gzip, zstd and uncompressed`,
  );
}

/** @throws {InvalidArgumentError} It is no yes or no. */
export function readFlag(attributes: FrontendAttributes, name: string): boolean {
  const text = attributes[name] ?? "false";
  if (["true", "1", ""].includes(text)) return true;
  if (["false", "0"].includes(text)) return false;
  throw new InvalidArgumentError(`non-bool value specified for ${name}: ${JSON.stringify(text)}`);
}
