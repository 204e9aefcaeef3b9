import { matchesGlob } from "#base/glob.ts";
import { tryParseRfc3339 } from "#base/rfc3339.ts";
import {
  booleanFilter,
  type Filters,
  filterValues,
  matchesLabels,
} from "#spec/engine-api/filters.ts";
import { parseTimestamp } from "#spec/engine-api/timestamps.ts";
import { familiarName, parseImageReference } from "#spec/reference.ts";
import type { ImageRecord } from "./images.ts";
import type { ImageRecords } from "./records.ts";
import { isPartOfNamed } from "./variants.ts";

/** When an image was made by its own account; none for reproducible ones. */
export function createdNanosOf(image: ImageRecord): bigint | undefined {
  return image.config.created === undefined ? undefined : tryParseRfc3339(image.config.created);
}

/** `docker images`' match: a glob on `name:tag`, or on the name alone. */
function matchesReference(pattern: string, reference: string): boolean {
  return (
    matchesGlob(pattern, reference) ||
    matchesGlob(pattern, familiarName(parseImageReference(reference)))
  );
}

interface Bounds {
  readonly before: bigint | undefined;
  readonly since: bigint | undefined;
}

function readBounds(records: ImageRecords, filters: Filters, nowNanos: bigint): Bounds {
  const createdOf = (name: string): bigint | undefined => {
    const reference = filterValues(filters, name).at(-1);
    return reference === undefined ? undefined : createdNanosOf(records.resolve(reference));
  };
  let before = createdOf("before");
  for (const text of filterValues(filters, "until")) {
    const until = parseTimestamp(text, nowNanos);
    if (before === undefined || until < before) before = until;
  }
  return { before, since: createdOf("since") };
}

function isWithin(image: ImageRecord, { before, since }: Bounds): boolean {
  const created = createdNanosOf(image);
  if (before !== undefined && (created === undefined || created >= before)) return false;
  return since === undefined || (created !== undefined && created > since);
}

/** Images that the filters let through, newest first. @see Images.list */
export function listImages(
  records: ImageRecords,
  request: { readonly all: boolean; readonly filters: Filters },
  nowNanos: bigint,
): readonly ImageRecord[] {
  const { filters } = request;
  const dangling = booleanFilter(filters, "dangling");
  const bounds = readBounds(records, filters, nowNanos);
  const patterns = filterValues(filters, "reference");
  const found: ImageRecord[] = [];
  for (const image of records.all()) {
    if (!isWithin(image, bounds) || !matchesLabels(filters, image.config.config.labels)) continue;
    const isWanted = (reference: string): boolean =>
      patterns.length === 0 || patterns.some((pattern) => matchesReference(pattern, reference));
    const tags = image.tags.filter(isWanted);
    const repoDigests = image.repoDigests.filter(isWanted);
    if (tags.length === 0 && repoDigests.length === 0) {
      if (isPartOfNamed(records, image)) continue;
      const hasChildren = records.childrenOf(image.id).length > 0;
      if (hasChildren && (!request.all || dangling === true)) continue;
      if (dangling === false || patterns.length > 0) continue;
    } else if (dangling === true && tags.length > 0) continue;
    found.push({ ...image, tags, repoDigests });
  }
  return found.toSorted(byCreationDescending);
}

function byCreationDescending(left: ImageRecord, right: ImageRecord): number {
  const difference = (createdNanosOf(right) ?? 0n) - (createdNanosOf(left) ?? 0n);
  if (difference !== 0n) return difference > 0n ? 1 : -1;
  return left.id < right.id ? -1 : 1;
}
