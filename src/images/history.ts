import { tryParseRfc3339 } from "#base/rfc3339.ts";
import { chainIdsOf } from "#spec/digest.ts";
import type { ImageHistoryEntry, ImageRecord } from "./images.ts";
import type { Layers } from "./layers.ts";
import type { ImageRecords } from "./records.ts";

/** Go's zero time in seconds: what Docker's `history` gives for a step without a date. */
const ZERO_SECONDS = -62_135_596_800;

/** The steps of an image, newest first. @see Images.history */
export function historyOf(
  image: ImageRecord,
  records: ImageRecords,
  layers: Layers,
): readonly ImageHistoryEntry[] {
  const chainIds = chainIdsOf(image.diffIds);
  const entries: ImageHistoryEntry[] = [];
  let layer = 0;
  for (const step of image.config.history) {
    const chainId = step.emptyLayer ? undefined : chainIds[layer++];
    const created = step.created === undefined ? undefined : tryParseRfc3339(step.created);
    entries.push({
      id: "<missing>",
      createdSeconds: created === undefined ? ZERO_SECONDS : Number(created / 1_000_000_000n),
      createdBy: step.createdBy,
      tags: [],
      sizeBytes: chainId === undefined ? 0 : layers.layerSizeBytes(chainId),
      comment: step.comment,
    });
  }
  entries.reverse();
  let known: ImageRecord | undefined = image;
  return entries.map((entry) => {
    if (!known) return entry;
    const { id, tags }: ImageRecord = known;
    known = known.parentId === undefined ? undefined : records.get(known.parentId);
    return { ...entry, id, tags };
  });
}
