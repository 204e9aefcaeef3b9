import { type Digest, digestAlgorithm, digestHex, tryParseDigest } from "#spec/digest.ts";

/** Where an OCI layout has a blob (image-spec image-layout.md, "Blobs"); docker's archives are layouts, too. */
export function blobPath(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** The blob that a path says it is. @returns Undefined where it says none. */
export function digestOfBlobPath(path: string): Digest | undefined {
  const [, algorithm = "", hex = ""] = /^blobs\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  const parsed = tryParseDigest(`${algorithm}:${hex}`);
  return parsed.ok ? parsed.digest : undefined;
}
