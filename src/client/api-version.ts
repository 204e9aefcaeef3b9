import { InvalidArgumentError } from "#base/errors.ts";

/** The newest Engine API that the client speaks. */
export const newestApiVersion = "1.56";

/** What an engine speaks that does not say. */
export const oldestApiVersion = "1.24";

/** Negative when `a` is older than `b`, 0 when they are the same. */
export function compareApiVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split(".").map(Number);
  const [bMajor = 0, bMinor = 0] = b.split(".").map(Number);
  return aMajor - bMajor || aMinor - bMinor;
}

/** The version that both sides speak. @param offered The engine's newest, from its `_ping`. */
export function negotiateApiVersion(offered: string | undefined): string {
  if (!offered) return oldestApiVersion;
  return compareApiVersions(offered, newestApiVersion) < 0 ? offered : newestApiVersion;
}

/** @throws {InvalidArgumentError} When it is not of the form `1.NN`. */
export function parseApiVersion(text: string): string {
  const match = /^v?(\d+\.\d+)$/.exec(text.trim());
  if (!match?.[1]) {
    throw new InvalidArgumentError(
      `invalid API version (${text}): must be formatted <major>.<minor>`,
    );
  }
  return match[1];
}
