import { ConflictError, InvalidArgumentError } from "#base/errors.ts";
import {
  booleanFilter,
  type Filters,
  filterValues,
  matchesLabels,
} from "#spec/engine-api/filters.ts";
import { parseTimestamp } from "#spec/engine-api/timestamps.ts";
import { digestHex } from "#spec/digest.ts";
import type { ImageRecord } from "./images.ts";
import { createdNanosOf } from "./list.ts";
import type { ImageRecords } from "./records.ts";
import { type Removal, type RemoveContext, removeImage } from "./remove.ts";

function readUntil(filters: Filters, nowNanos: bigint): bigint | undefined {
  const values = filterValues(filters, "until");
  if (values.length > 1) throw new InvalidArgumentError("more than one until filter specified");
  return values[0] === undefined ? undefined : parseTimestamp(values[0], nowNanos);
}

function candidates(
  records: ImageRecords,
  filters: Filters,
  nowNanos: bigint,
): readonly ImageRecord[] {
  const until = readUntil(filters, nowNanos);
  return records.all().filter((image) => {
    const created = createdNanosOf(image);
    if (until !== undefined && (created === undefined || created > until)) return false;
    if (!matchesLabels(filters, image.config.config.labels)) return false;
    const isNamed = image.tags.length > 0 || image.repoDigests.length > 0;
    return isNamed || records.childrenOf(image.id).length === 0;
  });
}

/**
 * Removes unused images: those without a tag, with `dangling=false` all. What is in use is passed over.
 *
 * @throws {InvalidArgumentError} A filter's value.
 */
export function pruneImages(
  context: RemoveContext,
  filters: Filters,
  nowNanos: bigint,
): readonly Removal[] {
  const danglingOnly = booleanFilter(filters, "dangling") ?? true;
  const removals: Removal[] = [];
  const tryRemove = (reference: string): void => {
    try {
      removals.push(removeImage(context, { reference, force: false, pruneParents: true }));
    } catch (error) {
      // in use, which is no failure here
      if (!(error instanceof ConflictError)) throw error;
    }
  };
  for (const image of candidates(context.records, filters, nowNanos)) {
    if (danglingOnly && image.tags.length > 0) continue;
    // one of several tags could go while a container uses another: nobody expects that of pruning
    if (context.users.some((user) => user.imageId === image.id)) continue;
    const references = [...image.tags, ...image.repoDigests];
    if (references.length === 0 && context.records.get(image.id)) tryRemove(digestHex(image.id));
    for (const reference of references) {
      // the digests of a repository went with its last tag
      const left = context.records.get(image.id);
      if (left && [...left.tags, ...left.repoDigests].includes(reference)) tryRemove(reference);
    }
  }
  return removals;
}
