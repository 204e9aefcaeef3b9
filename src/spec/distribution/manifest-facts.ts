import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import { type Digest, parseDigest } from "#spec/digest.ts";
import { isIndexType, isManifestType } from "#spec/media-types.ts";

/** A blob or manifest that a manifest names. */
export interface ReferencedContent {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Foreign layers lie elsewhere and need not be in the registry. */
  readonly isForeign: boolean;
}

/** What a registry must know of a manifest, whatever else it holds. */
export interface ManifestFacts {
  readonly mediaType: string;
  /** Of an artifact: its own word, else its config's media type. Empty for an index without one. */
  readonly artifactType: string;
  readonly blobs: readonly ReferencedContent[];
  readonly manifests: readonly ReferencedContent[];
  readonly subject?: Digest;
  readonly annotations: Readonly<Record<string, string>>;
}

/** References of one manifest; real ones stay under a few hundred. */
const MAX_REFERENCES = 10_000;
/** Media types that are read, besides images': any JSON type that has their shape. */
const READABLE_TYPE = /^application\/[\w.+-]+json$/;

function readReference(reader: JsonReader, where: string): ReferencedContent {
  const sizeBytes = reader.integer("size");
  if (sizeBytes === undefined || sizeBytes < 0) {
    throw new InvalidArgumentError(`${where} has no valid size`);
  }
  const text = reader.string("digest") ?? "";
  try {
    const urls = reader.strings("urls") ?? [];
    return { digest: parseDigest(text), sizeBytes, isForeign: urls.length > 0 };
  } catch (cause) {
    const shown = JSON.stringify(text.slice(0, 200));
    throw new InvalidArgumentError(`${where} has digest ${shown}: ${messageOf(cause)}`, { cause });
  }
}

function readReferences(reader: JsonReader, key: string): readonly ReferencedContent[] {
  return (reader.objects(key) ?? []).map((item, at) => readReference(item, `${key}[${at}]`));
}

/**
 * Reads a manifest as a registry must: artifacts, annotations and unknown keys are its author's matter, but what it
 * references must be clear, and it may be only one of image and index (CVE-2021-41190).
 *
 * @param bytes At most what the caller allows; not looked at again here.
 * @param contentType What the request said; empty when it said nothing.
 * @throws {InvalidArgumentError} Not JSON, no readable type, or it contradicts itself.
 */
export function parseManifestFacts(bytes: Uint8Array, contentType: string): ManifestFacts {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new InvalidArgumentError("manifest is not UTF-8", { cause });
  }
  const reader = JsonReader.of(parseJson(text), { maxItems: MAX_REFERENCES, goType: "manifest" });
  const version = reader.integer("schemaVersion");
  if (version !== 2) {
    throw new InvalidArgumentError(`manifest has schema version ${version ?? "missing"}, want 2`);
  }
  const mediaType = chooseType(reader, contentType);
  const isIndex = isIndexType(mediaType) || (!isManifestType(mediaType) && reader.has("manifests"));
  for (const key of isIndex ? ["config", "layers", "fsLayers"] : ["manifests", "fsLayers"]) {
    if (reader.has(key)) {
      throw new InvalidArgumentError(`manifest of type ${mediaType} may not have "${key}"`);
    }
  }
  const config = reader.object("config");
  if (!isIndex && !config) throw new InvalidArgumentError('manifest has no "config"');
  const subject = reader.object("subject");
  return {
    mediaType,
    artifactType: reader.string("artifactType") || (config?.string("mediaType") ?? ""),
    blobs: [
      ...(config ? [readReference(config, "config")] : []),
      ...readReferences(reader, "layers"),
    ],
    manifests: readReferences(reader, "manifests"),
    ...(subject && { subject: readReference(subject, "subject").digest }),
    annotations: reader.stringMap("annotations") ?? {},
  };
}

function chooseType(reader: JsonReader, contentType: string): string {
  const [outer = ""] = contentType.split(";");
  const said = outer.trim().toLowerCase();
  const inner = reader.string("mediaType") ?? "";
  const isTold = said !== "" && said !== "application/json" && said !== "application/octet-stream";
  if (inner !== "" && isTold && inner !== said) {
    throw new InvalidArgumentError(
      `manifest calls itself ${inner.slice(0, 200)}, but was sent as ${said.slice(0, 200)}`,
    );
  }
  const mediaType = inner || (isTold ? said : "");
  if (mediaType === "") throw new InvalidArgumentError("manifest has no media type");
  if (!READABLE_TYPE.test(mediaType)) {
    throw new InvalidArgumentError(`manifest type ${mediaType.slice(0, 200)} is not supported`);
  }
  return mediaType;
}
