import { InvalidArgumentError } from "#base/errors.ts";
import type {
  ImageProgress,
  ImageRecord,
  OfferedDocument,
  ReceiveRequest,
} from "#images/images.ts";
import type { Leases } from "#images/leases.ts";
import { parseTagTarget } from "#images/records.ts";
import { fetchImage, type FetchImageOptions } from "#images/registry/fetch-image.ts";
import type { FetchedManifest } from "#registry-client/repository.ts";
import { digestOf } from "#spec/digest.ts";
import { isImageManifest, parseIndex, parseManifest } from "#spec/oci-image.ts";

/** @see Images.receive */
export async function receiveImage(
  options: FetchImageOptions & { readonly leases: Leases },
  request: ReceiveRequest,
  onProgress: (progress: ImageProgress) => void,
  signal: AbortSignal,
): Promise<ImageRecord> {
  const tags = request.tags.map((tag) => parseTagTarget(tag));
  const { records, leases, nowMs } = options;
  const document = described(request.manifest);
  const manifest = parseManifest(document.bytes, document.descriptor.mediaType);
  if (!isImageManifest(manifest)) {
    throw new InvalidArgumentError("Cannot receive what is offered: it is no image");
  }
  const index = request.index && checkedIndex(request.index, document);
  using lease = leases.open();
  const resolved = { manifest, document, ...(index ? { index } : {}) };
  const { source } = request;
  const { id } = await fetchImage(options, { resolved, source, onProgress }, lease, signal);
  records.transaction(() => {
    for (const tag of tags) records.assignTag(id, tag, nowMs());
  });
  return records.resolve(id);
}

function described({ mediaType, bytes }: OfferedDocument): FetchedManifest {
  return { descriptor: { mediaType, digest: digestOf(bytes), sizeBytes: bytes.byteLength }, bytes };
}

function checkedIndex(offered: OfferedDocument, manifest: FetchedManifest): FetchedManifest {
  const index = described(offered);
  const { manifests } = parseIndex(index.bytes, index.descriptor.mediaType);
  if (!manifests.some(({ digest }) => digest === manifest.descriptor.digest)) {
    throw new InvalidArgumentError(
      `Cannot receive what is offered: its index does not name manifest ${manifest.descriptor.digest}`,
    );
  }
  return index;
}
