import { NotFoundError } from "#base/errors.ts";
import { formatPlatform, type Platform, selectPlatform } from "#spec/platform.ts";
import type { ImageRecord } from "./images.ts";
import type { ImageRecords } from "./records.ts";

/**
 * Variants of an image: what came by the same index for other platforms. Each is a record of its own, since an
 * image's id is that of its configuration; the name stands with the one that came last, and the others, which have none,
 * are reached through it: they are shown below it, are not dangling, and go when it goes.
 */

/** The image itself first, then the others by id; those that have names of their own as well. */
export function variantsOf(records: ImageRecords, image: ImageRecord): readonly ImageRecord[] {
  const { index } = image;
  if (!index) return [image];
  const others = records
    .namersOf(index.digest)
    .filter((other) => other.id !== image.id && other.index?.digest === index.digest)
    .toSorted((left, right) => (left.id < right.id ? -1 : 1));
  return [image, ...others];
}

/** Whether it is nothing but a part of another image, which has the name. */
export function isPartOfNamed(records: ImageRecords, image: ImageRecord): boolean {
  return !isNamed(image) && variantsOf(records, image).some(isNamed);
}

/**
 * The variant of a named image for a platform, with the tags and digests of the name.
 *
 * @param reference As the user typed it.
 * @throws {NotFoundError} There is none for the platform; in Docker's words.
 */
export function chooseVariant(
  records: ImageRecords,
  image: ImageRecord,
  reference: string,
  wanted: Platform,
): ImageRecord {
  const variants = variantsOf(records, image);
  const chosen =
    variants[
      selectPlatform(
        wanted,
        variants.map((one) => one.config.platform),
      )
    ];
  if (chosen) return { ...chosen, tags: image.tags, repoDigests: image.repoDigests };
  throw new NotFoundError(
    variants.length === 1
      ? `image with reference ${reference} was found but its platform ` +
          `(${formatPlatform(image.config.platform)}) does not match the specified platform ` +
          `(${formatPlatform(wanted)})`
      : `image with reference ${reference} was found but does not provide the specified platform ` +
          `(${formatPlatform(wanted)}): it is here for ` +
          variants.map((one) => formatPlatform(one.config.platform)).join(", "),
  );
}

export function isNamed(image: ImageRecord): boolean {
  return image.tags.length > 0 || image.repoDigests.length > 0;
}
