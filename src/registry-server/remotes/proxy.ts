import { messageOf } from "#base/errors.ts";
import type { Repository } from "#registry-client/repository.ts";
import { RegistryError } from "#registry-server/errors.ts";
import type { RegistryLog } from "#registry-server/log.ts";
import type { Digest } from "#spec/digest.ts";
import type { ManifestReference, RepositoryName } from "#spec/distribution/names.ts";
import type { Blobs } from "#registry-server/content/blobs.ts";
import type { Manifests } from "#registry-server/content/manifests.ts";
import type { Repositories } from "#registry-server/content/repositories.ts";
import { streamOf } from "#registry-server/content/stream-of.ts";
import type { BlobStorage } from "#registry-server/storage/storage.ts";
import { type Copier, isNotFound, type OpenTransfer, readStored } from "./copy.ts";
import type { RemotePlace, Remotes } from "./remote.ts";

/** Repositories below `prefix` are those of another registry, kept here as they are pulled. */
export interface ProxyRule {
  /** `hub/`; empty: every repository. */
  readonly prefix: string;
  /** `docker.io`. */
  readonly domain: string;
}

export interface ProxyParts {
  readonly rules: readonly ProxyRule[];
  readonly remotes: Remotes;
  readonly copier: Copier;
  readonly blobs: Blobs;
  readonly storage: BlobStorage;
  readonly manifests: Manifests;
  readonly repositories: Repositories;
  readonly log: RegistryLog;
  readonly nowMs: () => number;
}

/** A blob of another registry, which is on its way. */
export interface ComingBlob {
  readonly sizeBytes: number;
  /** Breaks off when the other registry does, or sends something else. */
  readonly body: ReadableStream<Uint8Array>;
}

/** How long a tag is believed to stand where the other registry said. */
const FRESH_MS = 60_000;
const CHECKED_MAX = 10_000;
/** How long the other registry may take for a manifest before what is here has to do. */
const MANIFEST_TIMEOUT_MS = 20_000;
const BLOB_TIMEOUT_MS = 3_600_000;

/** Pull-through cache: asks the other registry for what is not here, and serves what is when it does not answer. */
export class Proxy {
  readonly #parts: ProxyParts;
  readonly #checkedMs = new Map<string, number>();

  constructor(parts: ProxyParts) {
    this.#parts = parts;
  }

  /** @throws {RegistryError} `UNSUPPORTED`: what is pushed there would not be the other registry's. */
  refusePush(repository: RepositoryName): void {
    const rule = this.#ruleFor(repository);
    if (!rule) return;
    throw new RegistryError(
      "UNSUPPORTED",
      `${repository} is a cache of ${rule.domain}: push there instead`,
    );
  }

  /** Brings a manifest up to date before it is looked for. */
  async refresh(repository: RepositoryName, reference: ManifestReference): Promise<void> {
    const rule = this.#ruleFor(repository);
    if (!rule) return;
    const known = await this.#known(repository, reference);
    if (known && (reference.kind === "digest" || this.#isFresh(repository, reference))) return;
    const signal = AbortSignal.timeout(MANIFEST_TIMEOUT_MS);
    try {
      const remote = await this.#parts.remotes.open(placeOf(rule, repository), "pull");
      await this.#fetchManifest(remote, repository, reference, known, signal);
      this.#noteFresh(repository, reference);
    } catch (error) {
      if (isNotFound(error) || !known) throw notHad(error);
      this.#parts.log.warn("Serving a manifest from the cache", {
        repository,
        error: messageOf(error),
      });
    }
  }

  /** Brings a blob here before it is looked for. */
  async ensureBlob(repository: RepositoryName, digest: Digest): Promise<void> {
    try {
      await (await this.#openTransfer(repository, digest))?.stored;
    } catch (error) {
      throw notHad(error);
    }
  }

  /**
   * A blob that comes from the other registry while it is stored here.
   *
   * @returns Undefined where the blob is here, or is here after waiting for it.
   */
  async openBlob(repository: RepositoryName, digest: Digest): Promise<ComingBlob | undefined> {
    try {
      const transfer = await this.#openTransfer(repository, digest);
      const live = transfer?.live;
      if (live && live.sizeBytes > 0) {
        const { storage } = this.#parts;
        const bytes = live.read((blob, offset) =>
          readStored(storage, blob, { offset, end: blob.sizeBytes }),
        );
        return { sizeBytes: live.sizeBytes, body: streamOf(bytes) };
      }
      await transfer?.stored;
      return undefined;
    } catch (error) {
      throw notHad(error);
    }
  }

  async #openTransfer(
    repository: RepositoryName,
    digest: Digest,
  ): Promise<OpenTransfer | undefined> {
    const rule = this.#ruleFor(repository);
    if (!rule) return undefined;
    try {
      await this.#parts.blobs.find(repository, digest, false);
      return undefined;
    } catch (error) {
      if (!(error instanceof RegistryError && error.code === "BLOB_UNKNOWN")) throw error;
    }
    const remote = await this.#parts.remotes.open(placeOf(rule, repository), "pull");
    await this.#parts.repositories.ensure(repository);
    const signal = AbortSignal.timeout(BLOB_TIMEOUT_MS); // goes on when its client does not
    return await this.#parts.copier.openTransfer(remote, repository, digest, signal);
  }

  async #fetchManifest(
    remote: Repository,
    repository: RepositoryName,
    reference: ManifestReference,
    known: Digest | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const name = reference.kind === "tag" ? reference.tag : reference.digest;
    const head = known && (await remote.headManifest(name, signal));
    if (head && head.digest === known) return;
    const { bytes, descriptor } = await remote.fetchManifest(name, signal);
    await this.#parts.repositories.ensure(repository);
    await this.#parts.manifests.put(repository, {
      bytes: new Uint8Array(bytes),
      contentType: descriptor.mediaType,
      reference,
      tags: [],
      isIncomplete: true,
    });
  }

  async #known(
    repository: RepositoryName,
    reference: ManifestReference,
  ): Promise<Digest | undefined> {
    try {
      return (await this.#parts.manifests.head(repository, reference)).digest;
    } catch (error) {
      if (error instanceof RegistryError && error.code === "MANIFEST_UNKNOWN") return undefined;
      throw error;
    }
  }

  #ruleFor(repository: RepositoryName): ProxyRule | undefined {
    return this.#parts.rules.find(({ prefix }) => repository.startsWith(prefix));
  }

  #isFresh(repository: RepositoryName, reference: ManifestReference): boolean {
    const atMs = this.#checkedMs.get(keyOf(repository, reference)) ?? 0;
    return atMs > this.#parts.nowMs() - FRESH_MS;
  }

  #noteFresh(repository: RepositoryName, reference: ManifestReference): void {
    if (this.#checkedMs.size >= CHECKED_MAX) this.#checkedMs.clear();
    this.#checkedMs.set(keyOf(repository, reference), this.#parts.nowMs());
  }
}

function keyOf(repository: RepositoryName, reference: ManifestReference): string {
  return `${repository} ${reference.kind === "tag" ? reference.tag : reference.digest}`;
}

/** Docker Hub's own images lie below `library`. */
function placeOf(rule: ProxyRule, repository: RepositoryName): RemotePlace {
  const path = repository.slice(rule.prefix.length);
  const isOfficial = rule.domain === "docker.io" && !path.includes("/");
  return { domain: rule.domain, path: isOfficial ? `library/${path}` : path };
}

/** In the words of our own answers. */
function notHad(error: unknown): unknown {
  if (error instanceof RegistryError) return error;
  if (isNotFound(error)) {
    return new RegistryError("MANIFEST_UNKNOWN", messageOf(error), { cause: error });
  }
  return new RegistryError("UNAVAILABLE", `cannot fetch it: ${messageOf(error)}`, {
    cause: error,
    headers: { "Retry-After": "5" },
  });
}
