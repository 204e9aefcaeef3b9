import type { Brand } from "#base/brand.ts";
import { InvalidArgumentError } from "#base/errors.ts";

/** `MAJOR.MINOR` of the Engine API. */
export type ApiVersion = Brand<string, "ApiVersion">;

export const MIN_API_VERSION: ApiVersion = "1.24" as ApiVersion;
export const MAX_API_VERSION: ApiVersion = "1.56" as ApiVersion;

/** Of which there are fewer minors to each major. */
const MINORS = 10_000;

/** Versions in their order. */
function ordinal(version: string): number {
  const dot = version.indexOf(".");
  if (dot < 0) return Number(version) * MINORS;
  return Number(version.slice(0, dot)) * MINORS + Number(version.slice(dot + 1));
}

/** Negative where `left` is older than `right`. */
export function compareApiVersions(left: string, right: string): number {
  return ordinal(left) - ordinal(right);
}

export function isAtLeast(version: ApiVersion, minimum: string): boolean {
  return compareApiVersions(version, minimum) >= 0;
}

/**
 * Reads the version of a request's path.
 *
 * @param text Without the `v`: `1.45`.
 * @throws {InvalidArgumentError} With Docker's texts for too old and too new.
 */
export function parseApiVersion(text: string): ApiVersion {
  if (!/^[0-9]{1,4}(?:\.[0-9]{1,4})?$/.test(text)) {
    throw new InvalidArgumentError(`Cannot parse API version ${JSON.stringify(text)}: want 1.N`);
  }
  if (compareApiVersions(text, MIN_API_VERSION) < 0) {
    throw new InvalidArgumentError(
      `client version ${text} is too old. Minimum supported API version is ${MIN_API_VERSION}, ` +
        "please upgrade your client to a newer version",
    );
  }
  if (compareApiVersions(text, MAX_API_VERSION) > 0) {
    throw new InvalidArgumentError(
      `client version ${text} is too new. Maximum supported API version is ${MAX_API_VERSION}`,
    );
  }
  return text as ApiVersion;
}
