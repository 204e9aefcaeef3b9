import { InvalidArgumentError } from "#base/errors.ts";
import { stringifyJsonHtml } from "#base/json.ts";
import {
  type Attestation,
  IN_TOTO,
  imageSubjects,
  PREDICATE_TYPE,
  writeStatement,
} from "#builder/attestations/statement.ts";
import { type Digest, digestOf } from "#spec/digest.ts";
import {
  DOCKER_CONFIG,
  DOCKER_LAYER,
  DOCKER_LAYER_GZIP,
  DOCKER_LAYER_ZSTD,
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_LAYER_ZSTD,
  OCI_MANIFEST,
} from "#spec/media-types.ts";
import { type Descriptor, indexToWire, manifestToWire } from "#spec/oci-image.ts";
import type { Platform } from "#spec/platform.ts";
import { type Annotation, annotationsOf } from "./annotations.ts";

/** A document with what names it. */
export interface Document {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** What the documents of one image are made of. */
export interface DocumentedImage {
  readonly platform: Platform;
  /** The configuration's JSON. */
  readonly configBytes: Uint8Array;
  /** As they are packed, lowest first. */
  readonly layers: readonly Descriptor[];
  readonly attestations: readonly Attestation[];
}

export interface ImageDocuments {
  readonly config: Document;
  readonly layers: readonly Descriptor[];
  readonly manifest: Document;
  readonly attestation?: {
    readonly manifest: Document;
    /** Its configuration, then the statements. */
    readonly blobs: readonly Document[];
  };
}

/** All documents of a result. */
export interface ResultDocuments {
  readonly images: readonly ImageDocuments[];
  readonly index?: Document;
  /** The index, or the one manifest; with its own annotations. */
  readonly top: Descriptor;
}

const DOCKER_TYPES: Readonly<Record<string, string>> = {
  [OCI_CONFIG]: DOCKER_CONFIG,
  [OCI_LAYER]: DOCKER_LAYER,
  [OCI_LAYER_GZIP]: DOCKER_LAYER_GZIP,
  [OCI_LAYER_ZSTD]: DOCKER_LAYER_ZSTD,
  [OCI_MANIFEST]: DOCKER_MANIFEST,
  [OCI_INDEX]: DOCKER_MANIFEST_LIST,
};
const OCI_TYPES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(DOCKER_TYPES).map(([oci, docker]) => [docker, oci]),
);
/** As what an attestation's entry in an index is for. */
const NO_PLATFORM: Platform = { os: "unknown", architecture: "unknown" };

export interface DocumentOptions {
  /** What the statements call the image. */
  readonly names: readonly string[];
  readonly annotations: readonly Annotation[];
  /** Else Docker's manifest, version 2, schema 2. */
  readonly hasOciTypes: boolean;
  /** An index also where there is one image, and nothing stated of it. */
  readonly needsIndex: boolean;
}

/**
 * The manifests of a result, what is stated of them, and the index of all.
 *
 * @see BuildKit's docs/attestations/attestation-storage.md
 * @throws {InvalidArgumentError} Index annotations, and no index.
 */
export function writeDocuments(
  images: readonly DocumentedImage[],
  options: DocumentOptions,
): ResultDocuments {
  const written = images.map((image) => writeImage(image, options));
  const isIndexed =
    options.needsIndex || images.length !== 1 || written.some((one) => one.attestation);
  const [only] = written;
  if (!isIndexed && only) {
    if (options.annotations.some(({ kind }) => kind === "index" || kind === "index-descriptor")) {
      throw new InvalidArgumentError("index annotations not supported for single platform export");
    }
    return { images: written, top: entryOf(only, images[0]?.platform ?? NO_PLATFORM, options) };
  }
  const entries = written.map((one, at) =>
    entryOf(one, images[at]?.platform ?? NO_PLATFORM, options),
  );
  const attestations = written.flatMap(({ manifest, attestation }) =>
    attestation ? [attestationEntry(attestation.manifest, manifest.descriptor.digest)] : [],
  );
  const annotations = annotationsOf(options.annotations, "index");
  const index = jsonDocument(
    indexToWire({
      mediaType: typeOf(OCI_INDEX, options),
      manifests: [...entries, ...attestations],
      ...(annotations ? { annotations } : {}),
    }),
    typeOf(OCI_INDEX, options),
  );
  const own = annotationsOf(options.annotations, "index-descriptor");
  return {
    images: written,
    index,
    top: { ...index.descriptor, ...(own ? { annotations: own } : {}) },
  };
}

/** Statements about an image, as a manifest that an index names beside it. */
function writeImage(image: DocumentedImage, options: DocumentOptions): ImageDocuments {
  const configType = typeOf(OCI_CONFIG, options);
  const config: Document = {
    bytes: image.configBytes,
    descriptor: {
      mediaType: configType,
      digest: digestOf(image.configBytes),
      sizeBytes: image.configBytes.byteLength,
    },
  };
  const layers = image.layers.map(({ mediaType, digest, sizeBytes }) => ({
    mediaType: layerType(mediaType, options),
    digest,
    sizeBytes,
  }));
  const annotations = annotationsOf(options.annotations, "manifest", image.platform);
  const mediaType = typeOf(OCI_MANIFEST, options);
  const manifest = jsonDocument(
    manifestToWire({
      mediaType,
      config: config.descriptor,
      layers,
      ...(annotations ? { annotations } : {}),
    }),
    mediaType,
  );
  if (image.attestations.length === 0) return { config, layers, manifest };
  const subjects = imageSubjects(options.names, image.platform, manifest.descriptor.digest);
  const statements = image.attestations.map((attestation): Document => {
    const bytes = writeStatement(attestation, subjects);
    return {
      bytes,
      descriptor: {
        mediaType: IN_TOTO,
        digest: digestOf(bytes),
        sizeBytes: bytes.byteLength,
        annotations: { [PREDICATE_TYPE]: attestation.predicateType },
      },
    };
  });
  const about = jsonDocument(
    {
      architecture: NO_PLATFORM.architecture,
      os: NO_PLATFORM.os,
      config: {},
      rootfs: { type: "layers", diff_ids: statements.map(({ descriptor }) => descriptor.digest) },
    },
    OCI_CONFIG,
  );
  const attestation = jsonDocument(
    manifestToWire({
      mediaType: OCI_MANIFEST,
      config: about.descriptor,
      layers: statements.map(({ descriptor }) => descriptor),
    }),
    OCI_MANIFEST,
  );
  return {
    config,
    layers,
    manifest,
    attestation: { manifest: attestation, blobs: [about, ...statements] },
  };
}

function entryOf(
  { manifest }: ImageDocuments,
  platform: Platform,
  { annotations }: DocumentOptions,
): Descriptor {
  const own = annotationsOf(annotations, "manifest-descriptor", platform);
  return { ...manifest.descriptor, ...(own ? { annotations: own } : {}), platform };
}

function attestationEntry({ descriptor }: Document, subject: Digest): Descriptor {
  return {
    ...descriptor,
    annotations: {
      "vnd.docker.reference.digest": subject,
      "vnd.docker.reference.type": "attestation-manifest",
    },
    platform: NO_PLATFORM,
  };
}

function typeOf(oci: string, { hasOciTypes }: DocumentOptions): string {
  return hasOciTypes ? oci : (DOCKER_TYPES[oci] ?? oci);
}

/** A base image's layers may be called by the other words; what has none in them stays. */
function layerType(mediaType: string, { hasOciTypes }: DocumentOptions): string {
  return (hasOciTypes ? OCI_TYPES : DOCKER_TYPES)[mediaType] ?? mediaType;
}

function jsonDocument(value: object, mediaType: string): Document {
  const bytes = Buffer.from(stringifyJsonHtml(value));
  const descriptor = { mediaType, digest: digestOf(bytes), sizeBytes: bytes.byteLength };
  return { bytes, descriptor };
}
