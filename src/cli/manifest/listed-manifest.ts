import { parseJson, stringifyJsonHtml } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import { type Digest, parseDigest } from "#spec/digest.ts";
import { DOCKER_MANIFEST_LIST, OCI_INDEX, OCI_MANIFEST } from "#spec/media-types.ts";

/** What an image of a list runs on, in the words of its configuration. */
export interface ManifestPlatform {
  readonly architecture: string;
  readonly os: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
  readonly variant?: string;
}

/** One image of a manifest list. */
export interface ListedManifest {
  /** Where it came from: `docker.io/library/nginx:1.27`. */
  readonly ref: string;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly platform: ManifestPlatform;
  /** The manifest byte for byte. */
  readonly raw: Uint8Array;
}

/** Reads a platform out of an image's configuration, an index's entry or a file of the store. */
export function readManifestPlatform(reader: JsonReader | undefined): ManifestPlatform {
  const osVersion = reader?.string("os.version");
  const osFeatures = reader?.strings("os.features");
  const variant = reader?.string("variant");
  return {
    architecture: reader?.string("architecture") ?? "",
    os: reader?.string("os") ?? "",
    ...(osVersion ? { osVersion } : {}),
    ...(osFeatures && osFeatures.length > 0 ? { osFeatures } : {}),
    ...(variant ? { variant } : {}),
  };
}

function platformToWire(platform: ManifestPlatform): Readonly<Record<string, unknown>> {
  const { architecture, os, osVersion, osFeatures, variant } = platform;
  return {
    architecture,
    os,
    ...(osVersion === undefined ? {} : { "os.version": osVersion }),
    ...(osFeatures === undefined ? {} : { "os.features": osFeatures }),
    ...(variant === undefined ? {} : { variant }),
  };
}

/** As docker's client keeps it, and prints it for `--verbose`. */
export function listedManifestToWire(manifest: ListedManifest): Readonly<Record<string, unknown>> {
  const { ref, mediaType, digest, sizeBytes, platform, raw } = manifest;
  const parsed: unknown = parseJson(new TextDecoder().decode(raw));
  return {
    Ref: ref,
    Descriptor: { mediaType, digest, size: sizeBytes, platform: platformToWire(platform) },
    Raw: Buffer.from(raw).toString("base64"),
    ...(mediaType === OCI_MANIFEST ? { OCIManifest: parsed } : { SchemaV2Manifest: parsed }),
  };
}

/** @throws {InvalidArgumentError} It is no such file. */
export function parseListedManifest(text: string): ListedManifest {
  const reader = JsonReader.of(parseJson(text), { prefix: "Cannot read manifest: " });
  const descriptor = reader.object("Descriptor");
  return {
    ref: reader.string("Ref") ?? "",
    mediaType: descriptor?.string("mediaType") ?? "",
    digest: parseDigest(descriptor?.string("digest") ?? ""),
    sizeBytes: descriptor?.integer("size") ?? 0,
    platform: readManifestPlatform(descriptor?.object("platform")),
    raw: Buffer.from(reader.string("Raw") ?? "", "base64"),
  };
}

/** The list of some images, as a registry takes it. */
export function makeManifestList(manifests: readonly ListedManifest[]): {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
} {
  const isOci = manifests[0]?.mediaType === OCI_MANIFEST;
  const mediaType = isOci ? OCI_INDEX : DOCKER_MANIFEST_LIST;
  const list = {
    schemaVersion: 2,
    mediaType,
    manifests: manifests.map((one) => ({
      mediaType: one.mediaType,
      size: one.sizeBytes,
      digest: one.digest,
      platform: platformToWire(one.platform),
    })),
  };
  return { mediaType, bytes: Buffer.from(stringifyJsonHtml(list, 3)) };
}
