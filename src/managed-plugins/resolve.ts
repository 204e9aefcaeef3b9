import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { familiarReference, parseImageReference, withDefaultTag } from "#spec/reference.ts";
import type { ManagedPluginRecord } from "./managed-plugin.ts";

/**
 * A plugin's full name: `keeper` is `keeper:latest`.
 *
 * @throws {InvalidArgumentError} `invalid reference format`, or a digest.
 */
export function parsePluginName(text: string): string {
  const reference = parseImageReference(text);
  if (reference.digest !== undefined) {
    throw new InvalidArgumentError("canonical references are not permitted");
  }
  return familiarReference(withDefaultTag(reference));
}

function tryParseName(text: string): string | undefined {
  try {
    return parsePluginName(text);
  } catch (error) {
    if (error instanceof InvalidArgumentError) return undefined;
    throw error;
  }
}

/** @param text Name with or without a tag, id, or the beginning of one. @throws {InvalidArgumentError} Of several. */
export function findPlugin(
  plugins: readonly ManagedPluginRecord[],
  text: string,
): ManagedPluginRecord | undefined {
  const name = tryParseName(text);
  const exact = plugins.find((plugin) => plugin.id === text || plugin.name === name);
  if (exact || !/^[0-9a-f]+$/.test(text)) return exact;
  const [first, second] = plugins.filter(({ id }) => id.startsWith(text));
  if (second) {
    throw new InvalidArgumentError(`multiple plugins found for ${JSON.stringify(text)}`);
  }
  return first;
}

/** As `findPlugin`. @throws {NotFoundError} With Docker's text. */
export function resolvePlugin(
  plugins: readonly ManagedPluginRecord[],
  text: string,
): ManagedPluginRecord {
  const found = findPlugin(plugins, text);
  if (!found) throw new NotFoundError(`plugin ${JSON.stringify(text)} not found`);
  return found;
}
