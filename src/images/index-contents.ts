import type { ContentStore } from "#content/content.ts";
import type { Digest } from "#spec/digest.ts";
import { isIndexType, isManifestType } from "#spec/media-types.ts";
import {
  type Descriptor,
  isImageManifest,
  type Manifest,
  MANIFEST_MAX_BYTES,
  parseIndex,
  parseManifest,
} from "#spec/oci-image.ts";

/** What an index names, as far as it is here. */
export interface IndexEntry {
  readonly descriptor: Descriptor;
  readonly kind: "image" | "attestation" | "unknown";
  /** What an attestation is about. */
  readonly subject?: Digest;
  /** Absent where the document is not here. */
  readonly manifest?: Manifest;
  /** Of its configuration and layers. */
  readonly blobs: readonly Descriptor[];
  /** Of an index in the index that is here. */
  readonly entries?: readonly IndexEntry[];
  /** Parts of it that are not here: its document, blobs, those of what it names. */
  readonly missing: readonly Digest[];
}

/** BuildKit's way to say what a manifest of an index is. */
const REFERENCE_TYPE = "vnd.docker.reference.type";
const REFERENCE_DIGEST = "vnd.docker.reference.digest";
const ATTESTATION = "attestation-manifest";

/** The attestation manifests of an index that are about one image. */
export function attestationsOf(
  manifests: readonly Descriptor[],
  image: Digest,
): readonly Descriptor[] {
  return manifests.filter((one) => subjectOf(one) === image);
}

function subjectOf({ annotations }: Descriptor): string | undefined {
  return annotations?.[REFERENCE_TYPE] === ATTESTATION ? annotations[REFERENCE_DIGEST] : undefined;
}

/**
 * What an index names, in its order, each with what of it is missing here.
 *
 * @param index Its document is in the store.
 */
export async function readIndexEntries(
  content: Pick<ContentStore, "info" | "readBytes">,
  index: Descriptor,
): Promise<readonly IndexEntry[]> {
  return await readEntries(content, index, new Set([index.digest]));
}

/** @param read Indexes that were read: a small one may name another a thousand times. */
async function readEntries(
  content: Pick<ContentStore, "info" | "readBytes">,
  index: Descriptor,
  read: Set<Digest>,
): Promise<readonly IndexEntry[]> {
  const bytes = await content.readBytes(index.digest, MANIFEST_MAX_BYTES);
  const { manifests } = parseIndex(bytes, index.mediaType);
  const entries: IndexEntry[] = [];
  for (const descriptor of manifests) entries.push(await readEntry(content, descriptor, read));
  return entries;
}

/** Entries and what nested indexes name, each before the index that names it. */
export function flattenEntries(entries: readonly IndexEntry[]): readonly IndexEntry[] {
  return entries.flatMap((entry) => [...flattenEntries(entry.entries ?? []), entry]);
}

async function readEntry(
  content: Pick<ContentStore, "info" | "readBytes">,
  descriptor: Descriptor,
  read: Set<Digest>,
): Promise<IndexEntry> {
  const subject = subjectOf(descriptor);
  const guess = subject !== undefined ? "attestation" : descriptor.platform ? "image" : "unknown";
  const about = subject === undefined ? {} : { subject: subject as Digest };
  const isHere = content.info(descriptor.digest) !== undefined;
  if (isHere && isIndexType(descriptor.mediaType)) {
    const isKnown = read.has(descriptor.digest);
    read.add(descriptor.digest);
    const entries = isKnown ? [] : await readEntries(content, descriptor, read);
    const missing = [...new Set(entries.flatMap((one) => one.missing))];
    return { descriptor, kind: "unknown", ...about, blobs: [], entries, missing };
  }
  if (!isHere || !isManifestType(descriptor.mediaType)) {
    const isNested = isIndexType(descriptor.mediaType);
    const kind = isNested ? "unknown" : guess;
    return { descriptor, kind, ...about, blobs: [], missing: [descriptor.digest] };
  }
  const bytes = await content.readBytes(descriptor.digest, MANIFEST_MAX_BYTES);
  const manifest = parseManifest(bytes, descriptor.mediaType);
  const blobs = [manifest.config, ...manifest.layers];
  const missing = blobs.filter((one) => !one.urls && !content.info(one.digest));
  return {
    descriptor,
    kind: guess === "unknown" && isImageManifest(manifest) ? "image" : guess,
    ...about,
    manifest,
    blobs,
    missing: [...new Set(missing.map((one) => one.digest))],
  };
}
