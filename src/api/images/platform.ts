import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import type { Query } from "#api/query.ts";
import { type Platform, normalisePlatform } from "#spec/platform.ts";

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

/** As `readPlatforms`, where a request may name one. @throws {InvalidArgumentError} It names several. */
export function readPlatformOf(query: Query, parameter: string): Platform | undefined {
  const [platform, ...others] = readPlatforms(query, parameter);
  if (others.length === 0) return platform;
  throw new InvalidArgumentError(`only one ${parameter} may be given, not ${others.length + 1}`);
}
