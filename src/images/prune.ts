import { ConflictError } from "#base/errors.ts";
import { booleanFilter, type Filters, matchesLabels } from "#spec/engine-api/filters.ts";
import { parseUntilFilter } from "#spec/engine-api/until-filter.ts";
import { digestHex } from "#spec/digest.ts";
import type { ImageRecord } from "./images.ts";
import { createdNanosOf } from "./list.ts";
import type { ImageRecords } from "./records.ts";
import { type Removal, type RemoveContext, removeImage } from "./remove.ts";
import { isPartOfNamed, variantsOf } from "./variants.ts";

function candidates(
  records: ImageRecords,
  filters: Filters,
  nowNanos: bigint,
): readonly ImageRecord[] {
  const until = parseUntilFilter(filters, nowNanos);
  return records.all().filter((image) => {
    const created = createdNanosOf(image);
    if (until !== undefined && (created === undefined || created > until)) return false;
    if (!matchesLabels(filters, image.config.config.labels)) return false;
    const isNamed = image.tags.length > 0 || image.repoDigests.length > 0;
    if (isPartOfNamed(records, image)) return false;
    return isNamed || records.childrenOf(image.id).length === 0;
  });
}

function isDanglingOnly(filters: Filters): boolean {
  return booleanFilter(filters, "dangling") ?? true;
}

/** What a prune takes, besides parents that are left without a child. */
function prunable(
  context: RemoveContext,
  filters: Filters,
  nowNanos: bigint,
): readonly ImageRecord[] {
  const danglingOnly = isDanglingOnly(filters);
  return candidates(context.records, filters, nowNanos).filter(
    (image) =>
      !(danglingOnly && image.tags.length > 0) &&
      !variantsOf(context.records, image).some(({ id }) => context.isHeld(id)) &&
      // one of several tags could go while a container uses another: nobody expects that of pruning
      !variantsOf(context.records, image).some(({ id }) =>
        context.users.some((user) => user.imageId === id),
      ),
  );
}

/**
 * What `pruneImages` would remove now. Changes nothing.
 *
 * @throws {InvalidArgumentError} A filter's value.
 */
export function previewPrune(
  context: RemoveContext,
  filters: Filters,
  nowNanos: bigint,
): readonly ImageRecord[] {
  const gone = new Map<string, ImageRecord>();
  const isFree = (image: ImageRecord): boolean =>
    !context.isHeld(image.id) &&
    context.records.childrenOf(image.id).every(({ id }) => gone.has(id));
  for (const image of prunable(context, filters, nowNanos)) {
    if (!isFree(image)) continue;
    gone.set(image.id, image);
    for (let at = parentOf(context.records, image); at; at = parentOf(context.records, at)) {
      const { id, tags, repoDigests } = at;
      const isNamed = tags.length > 0 || repoDigests.length > 0;
      if (isNamed || !isFree(at) || context.users.some((user) => user.imageId === id)) break;
      gone.set(id, at);
    }
  }
  return [...gone.values()];
}

function parentOf(records: ImageRecords, image: ImageRecord): ImageRecord | undefined {
  return image.parentId === undefined ? undefined : records.get(image.parentId);
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
  const removals: Removal[] = [];
  const tryRemove = (reference: string): void => {
    try {
      removals.push(removeImage(context, { reference, force: false, pruneParents: true }));
    } catch (error) {
      // in use, which is no failure here
      if (!(error instanceof ConflictError)) throw error;
    }
  };
  for (const image of prunable(context, filters, nowNanos)) {
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
