import type { Fault } from "#base/fault.ts";
import { type ChainId, chainIdsOf, type Digest } from "#spec/digest.ts";
import { shortId } from "#spec/ids.ts";
import type { ImageRecord } from "./images.ts";

export interface ImageAudit {
  readonly images: readonly ImageRecord[];
  /** Layers that no image names, nobody holds and nothing stands on. */
  readonly unnamedLayers: readonly ChainId[];
  /** Blobs that no record names and nobody holds. */
  readonly strayBlobs: readonly Digest[];
  hasBlob(digest: Digest): boolean;
  hasLayer(chainId: ChainId): boolean;
  /** Removes what is unnamed and not held. */
  sweep(): Promise<void>;
}

function missingOf(audit: ImageAudit, image: ImageRecord): readonly Fault[] {
  const name = image.tags[0] ?? shortId(image.id);
  const blobs = [image.id, image.manifest.digest, ...image.layers.map(({ digest }) => digest)];
  const advice = "load or pull it again";
  return [
    ...[...new Set(blobs)]
      .filter((digest) => !audit.hasBlob(digest))
      .map(
        (digest): Fault => ({
          kind: "blob",
          subject: digest,
          explanation: `Image ${name} needs this blob to be saved or pushed, and it is not there: ${advice}`,
        }),
      ),
    ...chainIdsOf(image.diffIds)
      .filter((chainId) => !audit.hasLayer(chainId))
      .map(
        (chainId): Fault => ({
          kind: "layer",
          subject: chainId,
          explanation: `Image ${name} stands on this layer, and it is not there: remove the image, then ${advice}`,
        }),
      ),
  ];
}

/** What is wrong with images; pure but for the mends. */
export function auditImages(audit: ImageAudit): readonly Fault[] {
  const mend = { words: "remove it", apply: () => audit.sweep() };
  return [
    ...audit.unnamedLayers.map(
      (subject): Fault => ({
        kind: "layer",
        subject,
        explanation: "No image has this layer, and no container stands on it",
        mend,
      }),
    ),
    ...audit.strayBlobs.map(
      (subject): Fault => ({
        kind: "blob",
        subject,
        explanation: "No image names this blob",
        mend,
      }),
    ),
    ...audit.images.flatMap((image) => missingOf(audit, image)),
  ];
}
