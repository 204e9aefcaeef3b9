import type { Brand } from "#base/brand.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import { type Digest, tryParseDigest } from "#spec/digest.ts";

/** Name of a repository inside its registry: `library/nginx`. */
export type RepositoryName = Brand<string, "RepositoryName">;

/** Where the spec leaves it open: what every client and registry takes, host included. */
const NAME_MAX_LENGTH = 255;
// distribution-spec, "Pulling manifests"
const NAME_PATTERN =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG_PATTERN = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** @returns Undefined for what is no name. */
export function tryParseRepositoryName(text: string): RepositoryName | undefined {
  if (text.length > NAME_MAX_LENGTH || !NAME_PATTERN.test(text)) return undefined;
  return text as RepositoryName; // the only cast to this brand
}

/** @throws {InvalidArgumentError} When it is no name of a repository. */
export function parseRepositoryName(text: string): RepositoryName {
  const name = tryParseRepositoryName(text);
  if (name === undefined) {
    const shown = JSON.stringify(text.slice(0, 300));
    throw new InvalidArgumentError(
      `Cannot parse repository ${shown}: want lower-case letters, digits, ".", "_", "-" and "/"`,
    );
  }
  return name;
}

export function isTag(text: string): boolean {
  return TAG_PATTERN.test(text);
}

/** What stands behind `/manifests/` in a path. */
export type ManifestReference =
  | { readonly kind: "tag"; readonly tag: string }
  | { readonly kind: "digest"; readonly digest: Digest };

/** @returns Undefined for what is neither a tag nor a supported digest. */
export function tryParseManifestReference(text: string): ManifestReference | undefined {
  if (isTag(text)) return { kind: "tag", tag: text };
  const result = tryParseDigest(text);
  return result.ok ? { kind: "digest", digest: result.digest } : undefined;
}
