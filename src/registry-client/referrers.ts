import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import { type Digest, digestAlgorithm, digestHex, tryParseDigest } from "#spec/digest.ts";
import { OCI_INDEX } from "#spec/media-types.ts";
import { type Descriptor, MANIFEST_MAX_BYTES, parseIndex } from "#spec/oci-image.ts";
import { RegistryAnswerError } from "./errors.ts";
import type { HttpAnswer } from "./http/send.ts";
import { nextPage } from "./paging.ts";
import type { RegistrySession } from "./session.ts";

/**
 * What refers to a manifest: signatures, bills of materials, attestations, each a manifest with a `subject`. A
 * registry of distribution-spec 1.1 lists them itself; for others whoever pushes one keeps an index of them under a
 * tag that is made of the subject's digest.
 *
 * @see distribution-spec, "Listing Referrers", "Referrers Tag Schema".
 */

/** A repository in one session. */
export interface ReferrersPlace {
  readonly session: RegistrySession;
  readonly path: string;
  readonly scope: string;
}

export interface FoundReferrers {
  readonly referrers: readonly Descriptor[];
  /** Where they are listed. */
  readonly source: "api" | "tag";
}

const REFERRERS_MAX = 10_000;
const TAG_MAX_CHARACTERS = 128;

/** The tag under which an index of a manifest's referrers is kept: `sha256-<hex>`. */
export function referrersTag(subject: Digest): string {
  const tag = `${digestAlgorithm(subject)}-${digestHex(subject)}`;
  return tag.slice(0, TAG_MAX_CHARACTERS);
}

/**
 * @param artifactType Only these; all where absent.
 * @throws {RegistryAnswerError} Refused. {InvalidArgumentError} What comes is no index.
 */
export async function listReferrers(
  place: ReferrersPlace,
  subject: Digest,
  artifactType: string | undefined,
  signal: AbortSignal,
): Promise<FoundReferrers> {
  const listed = await listByApi(place, subject, artifactType, signal);
  const source = listed ? "api" : "tag";
  const all = listed ?? (await readTag(place, subject, signal)).manifests;
  const isWanted = (one: Descriptor): boolean =>
    artifactType === undefined || one.artifactType === artifactType;
  // a registry may pass over the filter: distribution-spec, "OCI-Filters-Applied"
  return { referrers: all.filter(isWanted), source };
}

/** @returns Undefined where the registry knows no such list. */
async function listByApi(
  { session, path, scope }: ReferrersPlace,
  subject: Digest,
  artifactType: string | undefined,
  signal: AbortSignal,
): Promise<readonly Descriptor[] | undefined> {
  const found: Descriptor[] = [];
  const query = artifactType === undefined ? "" : `?${new URLSearchParams({ artifactType })}`;
  let target: string | URL = `v2/${path}/referrers/${subject}${query}`;
  for (;;) {
    const answer: HttpAnswer = await session.request(
      {
        method: "GET",
        target,
        headers: { Accept: OCI_INDEX },
        scopes: [scope],
        accepts: [200, 404, 405],
      },
      signal,
    );
    if (answer.status !== 200 || !answer.header("content-type")?.startsWith(OCI_INDEX)) {
      await answer.discard();
      return undefined;
    }
    const { manifests } = parseIndex(await answer.bytes(MANIFEST_MAX_BYTES), OCI_INDEX);
    found.push(...manifests);
    const next = nextPage(answer);
    if (!next || manifests.length === 0) return found;
    if (found.length > REFERRERS_MAX) {
      throw new FailedPreconditionError(
        `Cannot list what refers to ${subject}: the registry names more than ${REFERRERS_MAX}`,
      );
    }
    target = next;
  }
}

interface ReferrersIndex {
  readonly manifests: readonly Descriptor[];
  /** As it came; empty where there is none. */
  readonly fields: Readonly<Record<string, unknown>>;
}

async function readTag(
  { session, path, scope }: ReferrersPlace,
  subject: Digest,
  signal: AbortSignal,
): Promise<ReferrersIndex> {
  const answer = await session.request(
    {
      method: "GET",
      target: `v2/${path}/manifests/${referrersTag(subject)}`,
      headers: { Accept: OCI_INDEX },
      scopes: [scope],
      accepts: [200, 404],
    },
    signal,
  );
  if (answer.status === 404) {
    await answer.discard();
    return { manifests: [], fields: {} };
  }
  const bytes = await answer.bytes(MANIFEST_MAX_BYTES);
  const { manifests } = parseIndex(bytes, OCI_INDEX);
  const fields: unknown = JSON.parse(new TextDecoder().decode(bytes));
  return { manifests, fields: typeof fields === "object" && fields !== null ? { ...fields } : {} };
}

/**
 * What a manifest that has a subject is called in the list of its subject's referrers.
 *
 * @returns Undefined for a manifest without a subject.
 */
export function readReferrer(
  bytes: Uint8Array,
  pushed: { readonly mediaType: string; readonly digest: Digest },
): { readonly subject: Digest; readonly entry: Readonly<Record<string, unknown>> } | undefined {
  let manifest: Readonly<Record<string, unknown>> | undefined;
  try {
    manifest = objectOf(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined; // the registry took it: what it is, it knows
  }
  const subject = tryParseDigest(textOf(objectOf(manifest?.["subject"])?.["digest"]));
  if (!subject.ok) return undefined;
  const artifactType =
    textOf(manifest?.["artifactType"]) || textOf(objectOf(manifest?.["config"])?.["mediaType"]);
  const annotations = manifest?.["annotations"];
  const entry = {
    mediaType: pushed.mediaType,
    digest: pushed.digest,
    size: bytes.byteLength,
    ...(annotations === undefined ? {} : { annotations }),
    ...(artifactType === "" ? {} : { artifactType }),
  };
  return { subject: subject.digest, entry };
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null ? { ...value } : undefined;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/**
 * Adds a referrer to the index under its subject's tag, for a registry that keeps no list itself. Two at once may
 * lose one of them: the specification knows no way around that.
 *
 * @throws {FailedPreconditionError} The index cannot be read or written; the referrer itself is pushed.
 */
export async function addToReferrersTag(
  place: ReferrersPlace,
  { subject, entry }: NonNullable<ReturnType<typeof readReferrer>>,
  signal: AbortSignal,
): Promise<void> {
  const tag = referrersTag(subject);
  try {
    const { manifests, fields } = await readTag(place, subject, signal);
    if (manifests.some(({ digest }) => digest === entry["digest"])) return;
    const before = Array.isArray(fields["manifests"]) ? (fields["manifests"] as unknown[]) : [];
    const index = {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      ...fields,
      manifests: [...before, entry],
    };
    const answer = await place.session.request(
      {
        method: "PUT",
        target: `v2/${place.path}/manifests/${tag}`,
        headers: { "Content-Type": OCI_INDEX },
        body: Buffer.from(JSON.stringify(index)),
        scopes: [place.scope],
        accepts: [200, 201, 202],
      },
      signal,
    );
    await answer.discard();
  } catch (cause) {
    signal.throwIfAborted();
    if (!(cause instanceof RegistryAnswerError)) throw cause;
    throw new FailedPreconditionError(
      `The manifest is pushed, but not listed among what refers to ${subject} (tag ${tag}): ${messageOf(cause)}`,
      { cause },
    );
  }
}
