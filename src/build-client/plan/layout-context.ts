import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError, InvalidArgumentError, messageOf } from "#base/errors.ts";
import { type Digest, parseDigest } from "#spec/digest.ts";
import { OCI_INDEX } from "#spec/media-types.ts";
import { parseIndex } from "#spec/oci-image.ts";

/** A context that is an image in a folder of the client's. */
export interface LayoutContext {
  /** As the engine is told of it. */
  readonly value: string;
  /** By which it asks for the blobs. */
  readonly storeId: string;
  readonly folder: string;
}

const SCHEME = "oci-layout://";
/** @see image-spec annotations.md */
const NAME_ANNOTATION = "org.opencontainers.image.ref.name";

export function isLayoutContext(value: string): boolean {
  return value.startsWith(SCHEME);
}

/**
 * Reads `oci-layout://FOLDER[:TAG][@DIGEST]`.
 *
 * @param storeName New, of letters and digits.
 * @throws {FailedPreconditionError} There is no such image in the folder.
 */
export function planLayoutContext(text: string, storeName: string): LayoutContext {
  const [place, digestText] = splitLast(text.slice(SCHEME.length), "@");
  const [path, tag = "latest"] = splitTag(place);
  if (path === "") throw new InvalidArgumentError(`invalid OCI layout ${JSON.stringify(text)}`);
  let folder: string;
  let digest: Digest;
  try {
    folder = realpathSync(path);
    digest = digestText === undefined ? findDigest(folder, tag) : parseDigest(digestText);
  } catch (cause) {
    throw new FailedPreconditionError(
      `oci-layout reference ${JSON.stringify(text)} could not be resolved: ${messageOf(cause)}`,
      { cause },
    );
  }
  const value = `${SCHEME}${storeName}:${tag}@${digest}`;
  return { value, storeId: `oci:${storeName}`, folder };
}

/** A colon in a folder's name is none of a tag's. */
function splitTag(place: string): readonly [path: string, tag?: string] {
  const at = place.lastIndexOf(":");
  return at < 0 || place.includes("/", at) ? [place] : [place.slice(0, at), place.slice(at + 1)];
}

function splitLast(text: string, mark: string): readonly [string, string?] {
  const at = text.lastIndexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** What has the tag; where only one image is there, that. */
function findDigest(folder: string, tag: string): Digest {
  const { manifests } = parseIndex(readFileSync(join(folder, "index.json")), OCI_INDEX);
  const named = manifests.find(({ annotations }) => annotations?.[NAME_ANNOTATION] === tag);
  const [only, other] = manifests;
  const found = named ?? (other ? undefined : only);
  if (found) return found.digest;
  const names = manifests.flatMap(({ annotations }) => annotations?.[NAME_ANNOTATION] ?? []);
  throw new FailedPreconditionError(
    `no image there has the tag ${JSON.stringify(tag)}: there are ${names.join(", ") || "images without tags, to be named by @DIGEST"}`,
  );
}
