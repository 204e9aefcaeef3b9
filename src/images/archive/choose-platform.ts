import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { IMAGE_CONFIG_MAX_BYTES, parseImageConfig } from "#spec/oci-image.ts";
import { formatPlatform, type Platform, selectPlatform } from "#spec/platform.ts";
import type { ArchivedImage } from "./archived-image.ts";
import type { ArchiveSpool } from "./spool.ts";

/** Which images of an archive to take. */
export interface PlatformChoice {
  /** What to take where nothing is wanted and an image comes for several platforms. */
  readonly host: Platform;
  /** What the user asked for; may be empty. */
  readonly wanted: readonly Platform[];
}

/** Platform that an image's configuration names. @throws {InvalidArgumentError} It is missing or damaged. */
export async function configPlatform(spool: ArchiveSpool, path: string): Promise<Platform> {
  const bytes = await spool.bytes(path, IMAGE_CONFIG_MAX_BYTES);
  if (!bytes) {
    throw new InvalidArgumentError(
      `Cannot load image: config ${JSON.stringify(path.slice(0, 200))} is not in the archive`,
    );
  }
  return parseImageConfig(bytes).platform;
}

/** Of an image that comes for several platforms, indexes of those to take, in the order of asking. */
export function chooseWanted(
  wanted: readonly Platform[],
  platforms: readonly Platform[],
): readonly number[] {
  const chosen = new Set(wanted.map((one) => selectPlatform(one, platforms)));
  chosen.delete(-1);
  return [...chosen];
}

/** Those of `images` that are for a wanted platform. @throws {NotFoundError} None is. */
export async function chooseImages(
  spool: ArchiveSpool,
  images: readonly ArchivedImage[],
  choice: PlatformChoice,
): Promise<readonly ArchivedImage[]> {
  if (choice.wanted.length === 0) return images;
  const platforms = await Promise.all(images.map((one) => configPlatform(spool, one.configPath)));
  const chosen = images.filter((_, index) => {
    const platform = platforms[index];
    return platform && choice.wanted.some((one) => selectPlatform(one, [platform]) === 0);
  });
  if (chosen.length === 0) throw noneFor(choice, platforms);
  return chosen;
}

/** What to say when an archive has nothing to take. @param others Platforms that it has. */
export function noneFor(choice: PlatformChoice, others: readonly Platform[]): NotFoundError {
  const wanted = choice.wanted.length > 0 ? choice.wanted : [choice.host];
  const there = [...new Set(others.map(formatPlatform))];
  return new NotFoundError(
    `Cannot load image: the archive has none for ${wanted.map(formatPlatform).join(" or ")}, ` +
      `it has ${there.join(", ") || "no image at all"}`,
  );
}
