import { InvalidArgumentError, NotFoundError, messageOf } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import type { Query } from "#api/query.ts";
import type { ImageRecord } from "#images/images.ts";
import {
  type Platform,
  formatPlatform,
  normalisePlatform,
  selectPlatform,
} from "#spec/platform.ts";

/**
 * The platforms that a request names by `parameter`, each as JSON: `{"os":"linux","architecture":"arm64"}`.
 *
 * @throws {InvalidArgumentError} In Docker's words.
 */
export function readPlatforms(query: Query, parameter: string): readonly Platform[] {
  return query
    .all(parameter)
    .filter((text) => text !== "")
    .map(readPlatform);
}

function readPlatform(text: string): Platform {
  const raw = parseObject(text);
  const word = (name: string): string => {
    const value = raw[name] ?? "";
    if (typeof value !== "string") {
      throw new InvalidArgumentError(`failed to parse platform: ${name} is not a string`);
    }
    return value;
  };
  const os = word("os");
  const architecture = word("architecture");
  if (os === "" || architecture === "") {
    throw new InvalidArgumentError("both OS and Architecture must be provided");
  }
  return normalisePlatform({ os, architecture, variant: word("variant") });
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new InvalidArgumentError(`failed to parse platform: ${messageOf(cause)}`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidArgumentError("failed to parse platform: not an object");
  }
  return { ...value };
}

/** @throws {NotFoundError} The image is none of `wanted`; it always is when nothing is wanted. */
export function checkImagePlatform(
  image: ImageRecord,
  reference: string,
  wanted: readonly Platform[],
): void {
  const own = image.config.platform;
  for (const one of wanted) {
    if (selectPlatform(one, [own]) >= 0) continue;
    throw new NotFoundError(
      `image with reference ${reference} was found but its platform (${formatPlatform(own)}) ` +
        `does not match the specified platform (${formatPlatform(one)})`,
    );
  }
}
