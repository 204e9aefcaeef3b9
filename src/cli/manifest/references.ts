import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { type ImageReference, parseImageReference, withDefaultTag } from "#spec/reference.ts";

/**
 * Name of a list or of an image in it.
 *
 * @param what Put before the complaint: `error parsing name for manifest list`.
 * @throws {InvalidArgumentError} In docker's words.
 */
export function parseManifestName(text: string, what = ""): ImageReference {
  try {
    return withDefaultTag(parseImageReference(text));
  } catch (cause) {
    if (what === "") throw cause;
    throw new InvalidArgumentError(`${what} ${text}: ${messageOf(cause)}`, { cause });
  }
}
