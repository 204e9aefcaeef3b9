import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import { type Digest, digestAlgorithm, digestOf, tryParseDigest } from "#spec/digest.ts";
import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_INDEX,
  OCI_MANIFEST,
} from "#spec/media-types.ts";
import { type Descriptor, MANIFEST_MAX_BYTES } from "#spec/oci-image.ts";
import { RegistryAnswerError } from "./errors.ts";
import { type HttpAnswer, requestTitle } from "./http/send.ts";
import { mayTryNext, type RegistrySession, type SessionRequest } from "./session.ts";
import { nextPage } from "./paging.ts";
import {
  addToReferrersTag,
  type FoundReferrers,
  listReferrers,
  readReferrer,
  type ReferrersPlace,
} from "./referrers.ts";
import type { BlobSource } from "./upload-session.ts";
import { type UploadOutcome, uploadBlob } from "./upload.ts";

/** A tag, or the digest of a manifest. */
export type ManifestReference = string;

export interface FetchedManifest {
  readonly descriptor: Descriptor;
  /** As they came, verified where a digest was asked for. */
  readonly bytes: Uint8Array;
}

/** A blob under way. */
export interface OpenBlob {
  /** Where in the blob `stream` begins: what was asked for, or 0 where the registry cannot. */
  readonly offset: number;
  /** Of the whole blob, as far as the registry says. */
  readonly sizeBytes: number | undefined;
  readonly stream: AsyncIterable<Uint8Array>;
  /** Gives it up where the stream is not read. */
  readonly close: () => void;
}

export interface BlobRequest {
  readonly digest: Digest;
  /** First byte that is wanted. */
  readonly offset: number;
  /** Where else it may be had, as the descriptor says. */
  readonly urls?: readonly string[];
}

const ACCEPTED = [OCI_INDEX, OCI_MANIFEST, DOCKER_MANIFEST_LIST, DOCKER_MANIFEST, "*/*"].join(", ");
const TAGS_PAGE = 1000;
const TAGS_MAX = 100_000;
const PAGE_MAX_BYTES = 4 * 1024 * 1024;

export interface RepositoryOptions {
  /** Of the image's name: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  readonly path: string;
  readonly registry: RegistrySession;
  /** Asked before the registry. */
  readonly mirrors: readonly RegistrySession[];
  readonly mayPush: boolean;
}

/** One repository as one user sees it. Reads go to mirrors first, writes to the registry itself. */
export class Repository {
  readonly domain: string;
  readonly path: string;
  readonly #registry: RegistrySession;
  readonly #mirrors: readonly RegistrySession[];
  readonly #scope: string;

  constructor(options: RepositoryOptions) {
    this.domain = options.domain;
    this.path = options.path;
    this.#registry = options.registry;
    this.#mirrors = options.mirrors;
    this.#scope = `repository:${options.path}:${options.mayPush ? "pull,push" : "pull"}`;
  }

  /**
   * @param maxBytes That it may have, where somebody said so.
   * @throws {RegistryAnswerError} Unknown, refused. {UnreachableError} Nobody answers, or more bytes come.
   */
  async fetchManifest(
    reference: ManifestReference,
    signal: AbortSignal,
    maxBytes: number = MANIFEST_MAX_BYTES,
  ): Promise<FetchedManifest> {
    return await this.#read(async (session) => {
      const answer = await session.request(this.#manifestRequest("GET", reference), signal);
      const bytes = await answer.bytes(Math.min(maxBytes, MANIFEST_MAX_BYTES));
      return { descriptor: verifiedDescriptor(reference, answer, bytes), bytes };
    });
  }

  /**
   * What a reference stands for, without fetching it.
   *
   * @returns Undefined where the registry does not say.
   */
  async headManifest(
    reference: ManifestReference,
    signal: AbortSignal,
  ): Promise<Descriptor | undefined> {
    return await this.#read(async (session) => {
      const answer = await session.request(this.#manifestRequest("HEAD", reference), signal);
      await answer.discard();
      const parsed = tryParseDigest(answer.header("docker-content-digest") ?? "");
      const sizeBytes = Number(answer.header("content-length") ?? "0");
      if (!parsed.ok || !Number.isSafeInteger(sizeBytes)) return undefined;
      return { mediaType: mediaTypeOf(answer), digest: parsed.digest, sizeBytes };
    });
  }

  /** One try: who reads the stream goes on where it broke. */
  async openBlob(request: BlobRequest, signal: AbortSignal): Promise<OpenBlob> {
    const { digest, offset, urls = [] } = request;
    const wanted: Omit<SessionRequest, "target"> = {
      method: "GET",
      headers: offset > 0 ? { Range: `bytes=${offset}-` } : {},
      scopes: [this.#scope],
      accepts: offset > 0 ? [200, 206, 416] : [200],
      isOnce: true,
    };
    try {
      return await this.#read(async (session) => {
        const target = `v2/${this.path}/blobs/${digest}`;
        return await readOpened(await session.request({ ...wanted, target }, signal), offset);
      });
    } catch (error) {
      const isGone = error instanceof RegistryAnswerError && error.status === 404;
      const [url] = urls.flatMap((text) => URL.parse(text) ?? []);
      if (!isGone || url?.protocol !== "https:") throw error;
      return await readOpened(
        await this.#registry.request({ ...wanted, target: url }, signal),
        offset,
      );
    }
  }

  /** A small blob, not verified. @throws {UnreachableError} It has more than `maxBytes`. */
  async readBlob(digest: Digest, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    return await this.#read(async (session) => {
      const answer = await session.request(
        {
          method: "GET",
          target: `v2/${this.path}/blobs/${digest}`,
          scopes: [this.#scope],
          accepts: [200],
        },
        signal,
      );
      return await answer.bytes(maxBytes);
    });
  }

  /** @returns Its size in bytes; undefined where the registry does not have it. */
  async blobSize(digest: Digest, signal: AbortSignal): Promise<number | undefined> {
    const answer = await this.#registry.request(
      {
        method: "HEAD",
        target: `v2/${this.path}/blobs/${digest}`,
        scopes: [this.#scope],
        accepts: [200, 404],
      },
      signal,
    );
    await answer.discard();
    return answer.status === 404 ? undefined : Number(answer.header("content-length") ?? "0");
  }

  /**
   * Brings a blob into the repository: from another of the same registry where that is possible, else by
   * sending it.
   *
   * @param onProgress Told how many bytes were sent so far; fewer than before after a failure.
   */
  async upload(
    blob: BlobSource,
    from: readonly string[],
    onProgress: (sentBytes: number) => void,
    signal: AbortSignal,
  ): Promise<UploadOutcome> {
    const scope = this.#scope;
    return await uploadBlob(
      { session: this.#registry, path: this.path, scope },
      { blob, from, onProgress },
      signal,
    );
  }

  /**
   * Sends a manifest. One that refers to another is listed with that where the registry keeps no such list.
   *
   * @returns The digest under which the registry has it.
   */
  async putManifest(
    reference: ManifestReference,
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
    signal: AbortSignal,
  ): Promise<Digest> {
    const answer = await this.#registry.request(
      {
        method: "PUT",
        target: `v2/${this.path}/manifests/${reference}`,
        headers: { "Content-Type": manifest.mediaType },
        body: manifest.bytes,
        scopes: [this.#scope],
        accepts: [200, 201, 202],
      },
      signal,
    );
    await answer.discard();
    const digest = digestOf(manifest.bytes);
    const isListed = answer.header("oci-subject") !== undefined;
    const { mediaType } = manifest;
    const referrer = isListed ? undefined : readReferrer(manifest.bytes, { mediaType, digest });
    if (referrer) await addToReferrersTag(this.#place(this.#registry), referrer, signal);
    const told = tryParseDigest(answer.header("docker-content-digest") ?? "");
    if (told.ok && digestAlgorithm(told.digest) === "sha256" && told.digest !== digest) {
      throw new FailedPreconditionError(
        `The registry has the manifest as ${told.digest}, it was sent as ${digest}`,
      );
    }
    return digest;
  }

  /** Every tag, in the registry's order. */
  async tags(signal: AbortSignal): Promise<readonly string[]> {
    return await this.#read(async (session) => {
      const tags: string[] = [];
      let target: string | URL = `v2/${this.path}/tags/list?n=${TAGS_PAGE}`;
      for (;;) {
        const request = { method: "GET", target, scopes: [this.#scope], accepts: [200] } as const;
        const answer: HttpAnswer = await session.request(request, signal);
        const page = readTags(answer, await answer.bytes(PAGE_MAX_BYTES));
        tags.push(...page);
        const next = nextPage(answer);
        if (!next || page.length === 0) return tags;
        if (tags.length > TAGS_MAX) {
          throw new FailedPreconditionError(
            `Cannot list the tags of ${this.domain}/${this.path}: it has more than ${TAGS_MAX}`,
          );
        }
        target = next;
      }
    });
  }

  /** @see listReferrers */
  async referrers(
    subject: Digest,
    artifactType: string | undefined,
    signal: AbortSignal,
  ): Promise<FoundReferrers> {
    return await this.#read((session) =>
      listReferrers(this.#place(session), subject, artifactType, signal),
    );
  }

  #place(session: RegistrySession): ReferrersPlace {
    return { session, path: this.path, scope: this.#scope };
  }

  #manifestRequest(method: "GET" | "HEAD", reference: ManifestReference): SessionRequest {
    return {
      method,
      target: `v2/${this.path}/manifests/${reference}`,
      headers: { Accept: ACCEPTED },
      scopes: [this.#scope],
      accepts: [200],
    };
  }

  async #read<Value>(work: (session: RegistrySession) => Promise<Value>): Promise<Value> {
    for (const mirror of this.#mirrors) {
      try {
        return await work(mirror);
      } catch (error) {
        if (!mayTryNext(error)) throw error;
      }
    }
    return await work(this.#registry);
  }
}

function mediaTypeOf(answer: HttpAnswer): string {
  return (answer.header("content-type") ?? "").split(";", 1)[0]?.trim() ?? "";
}

function verifiedDescriptor(
  reference: ManifestReference,
  answer: HttpAnswer,
  bytes: Uint8Array,
): Descriptor {
  const asked = tryParseDigest(reference);
  if (asked.ok && digestOf(bytes, digestAlgorithm(asked.digest)) !== asked.digest) {
    throw new InvalidArgumentError(`manifest verification failed for digest ${asked.digest}`);
  }
  const digest = asked.ok ? asked.digest : digestOf(bytes);
  const told = tryParseDigest(answer.header("docker-content-digest") ?? "");
  if (told.ok && told.digest !== digestOf(bytes, digestAlgorithm(told.digest))) {
    throw new InvalidArgumentError(
      `manifest verification failed for digest ${told.digest}: what the registry sent has ${digest}`,
    );
  }
  return { mediaType: mediaTypeOf(answer), digest, sizeBytes: bytes.byteLength };
}

async function readOpened(answer: HttpAnswer, offset: number): Promise<OpenBlob> {
  if (answer.status === 416) {
    await answer.discard();
    throw new FailedPreconditionError(
      `${requestTitle(answer.request)}: the registry has fewer than ${offset} bytes of it`,
    );
  }
  const length = answer.header("content-length");
  const bytes = length !== undefined && /^\d+$/.test(length) ? Number(length) : undefined;
  const rest = { stream: answer.body(), close: () => answer.close() };
  if (answer.status === 200) return { ...rest, offset: 0, sizeBytes: bytes };
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(answer.header("content-range") ?? "");
  if (!range || Number(range[1]) !== offset) {
    answer.close();
    throw new FailedPreconditionError(
      `${requestTitle(answer.request)}: bytes from ${offset} on were asked for, ` +
        `the registry sent ${JSON.stringify(answer.header("content-range") ?? "")}`,
    );
  }
  const sizeBytes = range[2] === "*" ? undefined : Number(range[2]);
  return { ...rest, offset, sizeBytes };
}

function readTags(answer: HttpAnswer, bytes: Uint8Array): readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new FailedPreconditionError(
      `${requestTitle(answer.request)}: the list of tags is no JSON`,
      { cause },
    );
  }
  const tags: unknown =
    typeof value === "object" && value !== null && "tags" in value ? value.tags : [];
  if (!Array.isArray(tags)) return []; // null of a repository without tags
  return tags.filter((tag) => typeof tag === "string");
}
