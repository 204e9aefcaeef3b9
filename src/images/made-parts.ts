import type { ContentStore } from "#content/content.ts";
import type { ImageParts } from "./add-image.ts";
import type { AddRequest, MadeDocument } from "./images.ts";

/** What is to be added, its attestations put into the content store. */
export async function madeParts(
  content: Pick<ContentStore, "ingest">,
  { configBytes, layers, lease, documents }: AddRequest,
  signal: AbortSignal,
): Promise<ImageParts> {
  if (!documents) return { configBytes, layers };
  const { manifest, index, attached } = documents;
  const store = async ({ descriptor, bytes }: MadeDocument): Promise<void> => {
    await content.ingest(once(bytes), { digest: descriptor.digest, lease }, signal);
  };
  const parts = {
    configBytes,
    layers,
    manifest,
    packed: documents.layers,
    isManifestKept: true,
    ...(index ? { index } : {}),
  };
  if (!attached) return parts;
  for (const document of [...attached.blobs, attached.manifest]) await store(document);
  const named = {
    manifest: attached.manifest.descriptor,
    blobs: attached.blobs.map(({ descriptor }) => descriptor),
  };
  return { ...parts, attached: Promise.resolve([named]) };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
