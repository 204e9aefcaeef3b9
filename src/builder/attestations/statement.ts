import { digestHex, type Digest } from "#spec/digest.ts";
import { familiarReference, parseImageReference } from "#spec/reference.ts";
import { formatPlatform, type Platform } from "#spec/platform.ts";

/** Kinds of statements, by in-toto. */
export const SLSA_V02 = "https://slsa.dev/provenance/v0.2";
export const SLSA_V1 = "https://slsa.dev/provenance/v1";
export const SPDX_DOCUMENT = "https://spdx.dev/Document";
/** Media type of a statement's blob. */
export const IN_TOTO = "application/vnd.in-toto+json";
/** Annotation of that blob in its manifest. */
export const PREDICATE_TYPE = "in-toto.io/predicate-type";
const STATEMENT_TYPE = "https://in-toto.io/Statement/v0.1";

/** Something that is stated of a result, before it is said of which bytes. */
export interface Attestation {
  readonly predicateType: string;
  /** JSON. */
  readonly predicate: unknown;
  /** What its file is called where the result is a folder: `provenance.json`. */
  readonly fileName: string;
  /** Only for images: a folder or tar of files does without. */
  readonly isInlineOnly: boolean;
}

/** What a statement is about: an image by its manifest, a file by its content. */
export interface StatementSubject {
  readonly name: string;
  readonly digest: Digest;
}

/**
 * The statement's bytes.
 *
 * @param isIndented As in a file for people.
 * @see https://github.com/in-toto/attestation, "Statement", v0.1
 */
export function writeStatement(
  attestation: Pick<Attestation, "predicateType" | "predicate">,
  subjects: readonly StatementSubject[],
  isIndented = false,
): Uint8Array {
  const { predicateType, predicate } = attestation;
  const statement = {
    _type: STATEMENT_TYPE,
    predicateType,
    subject: subjects.map(({ name, digest }) => ({
      name,
      digest: { sha256: digestHex(digest) },
    })),
    predicate,
  };
  return Buffer.from(JSON.stringify(statement, undefined, isIndented ? 2 : undefined));
}

/** How an image is called as what a statement is about, once for each of its names. */
export function imageSubjects(
  names: readonly string[],
  platform: Platform,
  manifest: Digest,
): readonly StatementSubject[] {
  if (names.length === 0) return [{ name: "_", digest: manifest }];
  return names.map((name) => ({ name: packageUrl(name, platform), digest: manifest }));
}

/**
 * `pkg:docker/some/app@1?platform=linux%2Famd64`.
 *
 * @param name An image's reference.
 * @see https://github.com/package-url/purl-spec, type "docker"
 */
export function packageUrl(name: string, platform: Platform): string {
  const reference = parseImageReference(name);
  const { tag, digest: _, ...bare } = reference;
  const path = familiarReference(bare)
    .split("/")
    .map((part) => encodeURIComponent(part).replaceAll("%3A", ":"))
    .join("/");
  const version = tag ?? (reference.digest === undefined ? "latest" : "");
  const digest =
    reference.digest === undefined ? "" : `digest=${encodeURIComponent(reference.digest)}&`;
  const at = version === "" ? "" : `@${encodeURIComponent(version)}`;
  return `pkg:docker/${path}${at}?${digest}platform=${encodeURIComponent(formatPlatform(platform))}`;
}
