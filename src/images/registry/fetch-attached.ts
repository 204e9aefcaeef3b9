import type { ContentStore } from "#content/content.ts";
import type { AttachedManifest } from "#images/images.ts";
import { attestationsOf } from "#images/index-contents.ts";
import type { Lease } from "#images/leases.ts";
import { RegistryAnswerError } from "#registry-client/errors.ts";
import type { FetchedManifest, Repository } from "#registry-client/repository.ts";
import type { Digest } from "#spec/digest.ts";
import { isManifestType } from "#spec/media-types.ts";
import { type Descriptor, parseIndex, parseManifest } from "#spec/oci-image.ts";

/** Attestations are texts; what is larger is left where it is. */
const ATTACHED_MAX_BYTES = 32 * 1024 * 1024;

export interface AttachedParts {
  readonly repository: Repository;
  readonly content: ContentStore;
  readonly lease: Lease;
}

/**
 * Brings what an index has about one of its images, such as attestations. A registry that was given the image alone
 * has none of it, which is no failure of the pull.
 *
 * @param image Digest of the image's manifest.
 */
export async function fetchAttached(
  parts: AttachedParts,
  index: FetchedManifest,
  image: Digest,
  signal: AbortSignal,
): Promise<readonly AttachedManifest[]> {
  const { manifests } = parseIndex(index.bytes, index.descriptor.mediaType);
  const found: AttachedManifest[] = [];
  let leftBytes = ATTACHED_MAX_BYTES;
  for (const descriptor of attestationsOf(manifests, image)) {
    if (!isManifestType(descriptor.mediaType)) continue;
    const attached = await fetchOne(parts, descriptor, leftBytes, signal);
    if (!attached) continue;
    found.push(attached);
    leftBytes -= attached.blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }
  return found;
}

async function fetchOne(
  parts: AttachedParts,
  descriptor: Descriptor,
  maxBytes: number,
  signal: AbortSignal,
): Promise<AttachedManifest | undefined> {
  const { repository } = parts;
  try {
    const { digest, sizeBytes } = descriptor;
    const { bytes } = await repository.fetchManifest(digest, signal, sizeBytes);
    const { config, layers } = parseManifest(bytes, descriptor.mediaType);
    const blobs = [config, ...layers];
    if (blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > maxBytes) return undefined;
    await keep(parts, descriptor.digest, bytes, signal);
    for (const blob of blobs) {
      if (parts.content.info(blob.digest)) {
        parts.lease.add(blob.digest);
        continue;
      }
      const body = await repository.readBlob(blob.digest, blob.sizeBytes, signal);
      await keep(parts, blob.digest, body, signal);
    }
    return { manifest: descriptor, blobs };
  } catch (error) {
    if (error instanceof RegistryAnswerError) return undefined;
    throw error;
  }
}

async function keep(
  { content, lease }: AttachedParts,
  digest: Digest,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  lease.add(digest);
  await content.ingest(once(bytes), { digest, lease }, signal);
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
