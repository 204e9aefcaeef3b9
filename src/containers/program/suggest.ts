import { editDistance } from "#base/nearest.ts";
import type { ContainerRecord } from "#containers/container.ts";
import { CommandNotFoundError } from "#runtime/errors.ts";
import { programNames } from "./find.ts";

/** Longer names may be further off. */
const SHORT_NAME = 5;

/**
 * Adds the program that was probably meant to the error about one that is not there.
 *
 * @param rootPath The container's root, while it is still mounted.
 * @returns The error as it was where there is nothing to add.
 */
export function withSuggestion(
  error: unknown,
  rootPath: string,
  record: Pick<ContainerRecord, "config" | "path">,
): unknown {
  if (!(error instanceof CommandNotFoundError) || record.path.includes("/")) return error;
  if (!error.message.includes(`exec: ${JSON.stringify(record.path)}`)) return error; // another file
  const near = nearestProgram(record.path, programNames(rootPath, record));
  if (near === undefined) return error;
  return new CommandNotFoundError(`${error.message}: did you mean ${JSON.stringify(near)}?`, {
    cause: error,
  });
}

/** One edit off, two for longer names; the nearest. */
export function nearestProgram(word: string, names: readonly string[]): string | undefined {
  const limit = word.length <= SHORT_NAME ? 1 : 2;
  const near = names
    .map((name) => ({ name, distance: editDistance(word, name, limit) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance);
  return near[0]?.name;
}
