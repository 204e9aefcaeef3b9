import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import type { ContentStore } from "#content/content.ts";
import type { Digest } from "#spec/digest.ts";
import { MANIFEST_MAX_BYTES, parseManifest } from "#spec/oci-image.ts";
import type { Attestation, ImageRecord, ManifestSummary } from "./images.ts";
import { readIndexEntries } from "./index-contents.ts";
import type { ImageRecords } from "./records.ts";
import { variantsOf } from "./variants.ts";

const STATEMENT_MAX_BYTES = 32 * 1024 * 1024;
const PREDICATE_TYPE = "in-toto.io/predicate-type";
const IN_TOTO = "application/vnd.in-toto+json";

type Content = Pick<ContentStore, "info" | "readBytes">;

/** @see Images.manifests */
export async function summariseManifests(
  content: Content,
  records: ImageRecords,
  image: ImageRecord,
): Promise<readonly ManifestSummary[]> {
  const variants = variantsOf(records, image);
  const { index } = image;
  const entries = index && content.info(index.digest) ? await readIndexEntries(content, index) : [];
  const own = entries.map((entry): ManifestSummary => {
    const { descriptor, kind, subject, blobs, missing } = entry;
    const record = variants.find((one) => one.manifest.digest === descriptor.digest);
    const digests = [descriptor, ...blobs].map(({ digest }) => digest);
    return {
      descriptor,
      kind: record ? "image" : kind,
      // a record is whole: its layers may be here in another packing
      isAvailable: record !== undefined || missing.length === 0,
      contentBytes: record ? contentBytesOf(content, record) : bytesOf(content, digests),
      ...(record ? { image: record } : {}),
      ...(subject === undefined ? {} : { subject }),
    };
  });
  // an index in the index is not looked into: its images stand for themselves
  const told = new Set(own.flatMap((one) => one.image?.id ?? []));
  const others = variants.filter(({ id }) => !told.has(id));
  return [...own, ...others.map((one) => summaryOfRecord(content, one))];
}

function summaryOfRecord(content: Content, image: ImageRecord): ManifestSummary {
  return {
    descriptor: image.manifest,
    kind: "image",
    isAvailable: true,
    contentBytes: contentBytesOf(content, image),
    image,
  };
}

/** What an image's manifest, configuration and packed layers take, in bytes. */
export function contentBytesOf(content: Content, image: ImageRecord): number {
  const digests = [image.manifest, ...image.layers].map(({ digest }) => digest);
  return bytesOf(content, [image.id, ...digests]);
}

function bytesOf(content: Content, digests: readonly Digest[]): number {
  return [...new Set(digests)].reduce(
    (sum, digest) => sum + (content.info(digest)?.sizeBytes ?? 0),
    0,
  );
}

/** @see Images.attestations */
export async function listAttestations(
  content: Content,
  image: ImageRecord,
): Promise<readonly Attestation[]> {
  const found: Attestation[] = [];
  for (const { manifest } of image.attached ?? []) {
    const bytes = await content.readBytes(manifest.digest, MANIFEST_MAX_BYTES);
    for (const layer of parseManifest(bytes, manifest.mediaType).layers) {
      if (layer.mediaType !== IN_TOTO) continue;
      found.push({ descriptor: layer, predicateType: layer.annotations?.[PREDICATE_TYPE] ?? "" });
    }
  }
  return found;
}

/** @see Images.readAttestation */
export async function readAttestation(
  content: Content,
  { descriptor }: Attestation,
): Promise<string> {
  const bytes = await content.readBytes(descriptor.digest, STATEMENT_MAX_BYTES);
  const text = new TextDecoder().decode(bytes);
  try {
    parseJson(text);
  } catch (cause) {
    throw new InvalidArgumentError(
      `Cannot read attestation ${descriptor.digest}: ${messageOf(cause)}`,
      { cause },
    );
  }
  return text;
}
