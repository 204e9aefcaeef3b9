import { InvalidArgumentError } from "#base/errors.ts";
import { type ImageReference, parseImageReference } from "#spec/reference.ts";
import { type ListedManifest, makeManifestList } from "./listed-manifest.ts";

/**
 * The list of some images under a name.
 *
 * @throws {InvalidArgumentError} An image is of another registry.
 */
export function buildManifestList(
  list: ImageReference,
  manifests: readonly ListedManifest[],
): ReturnType<typeof makeManifestList> {
  for (const { ref } of manifests) {
    const { domain } = parseImageReference(ref);
    if (domain === list.domain) continue;
    throw new InvalidArgumentError(
      `failed to assemble ManifestDescriptor: cannot use source images from a different registry ` +
        `than the target image: ${domain} != ${list.domain}`,
    );
  }
  return makeManifestList(manifests);
}
