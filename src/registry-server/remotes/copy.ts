import { WharfError } from "#base/errors.ts";
import type { FetchedManifest, Repository } from "#registry-client/repository.ts";
import type { Blobs } from "#registry-server/content/blobs.ts";
import type { Manifests } from "#registry-server/content/manifests.ts";
import { streamOf } from "#registry-server/content/stream-of.ts";
import type { Uploads } from "#registry-server/content/uploads.ts";
import { RegistryError } from "#registry-server/errors.ts";
import type { StoredBlob } from "#registry-server/metadata/blobs.ts";
import type { BlobStorage } from "#registry-server/storage/storage.ts";
import { type Digest, digestAlgorithm } from "#spec/digest.ts";
import { parseManifestFacts, type ReferencedContent } from "#spec/distribution/manifest-facts.ts";
import type { ManifestReference, RepositoryName } from "#spec/distribution/names.ts";
import { Transfer } from "./transfer.ts";

export interface CopyParts {
  readonly blobs: Blobs;
  readonly uploads: Uploads;
  readonly manifests: Manifests;
  readonly storage: BlobStorage;
}

/** A blob that comes from another registry. */
export interface OpenTransfer {
  readonly stored: Promise<StoredBlob>;
  /** Absent where the other registry does not say how long the blob is. */
  readonly live?: Transfer;
}

/** Copies content between a repository of ours and one of another registry, only what is missing. */
export class Copier {
  readonly #parts: CopyParts;
  readonly #transfers = new Map<string, Promise<OpenTransfer>>();

  constructor(parts: CopyParts) {
    this.#parts = parts;
  }

  /** Brings one blob here. @returns When it is here. */
  async fetchBlob(
    remote: Repository,
    repository: RepositoryName,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<void> {
    const { stored } = await this.openTransfer(remote, repository, digest, signal);
    await stored;
  }

  /** Begins to bring one blob here; two who want the same share one transfer. */
  async openTransfer(
    remote: Repository,
    repository: RepositoryName,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<OpenTransfer> {
    const key = `${repository} ${digest}`;
    const underWay = this.#transfers.get(key);
    if (underWay) return await underWay;
    const opening = this.#openTransfer(remote, repository, digest, signal);
    this.#transfers.set(key, opening);
    const forget = (): void => void this.#transfers.delete(key);
    opening.then(({ stored }) => stored.then(forget, forget), forget);
    return await opening;
  }

  /** Brings a manifest here with everything that it names. */
  async copyIn(
    remote: Repository,
    repository: RepositoryName,
    reference: ManifestReference,
    signal: AbortSignal,
  ): Promise<Digest> {
    const fetched = await remote.fetchManifest(nameOf(reference), signal);
    const facts = factsOf(fetched);
    for (const { digest } of facts.manifests) {
      await this.copyIn(remote, repository, { kind: "digest", digest }, signal);
    }
    for (const blob of facts.blobs) {
      if (blob.isForeign || (await this.#hasBlob(repository, blob.digest))) continue;
      await this.fetchBlob(remote, repository, blob.digest, signal);
    }
    const { manifest } = await this.#parts.manifests.put(repository, {
      bytes: new Uint8Array(fetched.bytes),
      contentType: fetched.descriptor.mediaType,
      reference,
      tags: [],
    });
    return manifest.digest;
  }

  /** Sends a manifest of ours there with everything that it names. @returns Whether it was not there yet. */
  async copyOut(
    repository: RepositoryName,
    reference: ManifestReference,
    remote: Repository,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { manifests } = this.#parts;
    const head = await manifests.head(repository, reference);
    if ((await headOf(remote, nameOf(reference), signal)) === head.digest) return false;
    const bytes = await manifests.bytes(head.digest);
    const facts = parseManifestFacts(bytes, head.mediaType);
    for (const { digest } of facts.manifests) {
      await this.copyOut(repository, { kind: "digest", digest }, remote, signal);
    }
    for (const blob of facts.blobs) {
      if (!blob.isForeign) await this.#sendBlob(repository, blob, remote, signal);
    }
    await remote.putManifest(nameOf(reference), { mediaType: head.mediaType, bytes }, signal);
    return true;
  }

  async #openTransfer(
    remote: Repository,
    repository: RepositoryName,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<OpenTransfer> {
    const { stream, close, sizeBytes } = await remote.openBlob({ digest, offset: 0 }, signal);
    const live = sizeBytes === undefined ? undefined : new Transfer(sizeBytes);
    const store = async (): Promise<StoredBlob> => {
      const { uploads } = this.#parts;
      try {
        const upload = await uploads.begin(repository, digestAlgorithm(digest));
        try {
          const body = streamOf(live ? live.passing(stream) : stream);
          return await uploads.finish(repository, upload.id, { chunk: { body }, digest }, signal);
        } catch (error) {
          await uploads.cancel(repository, upload.id).catch(() => undefined); // it may be gone already
          throw error;
        }
      } finally {
        close();
      }
    };
    const stored = store();
    live?.settle(stored);
    stored.catch(() => undefined); // thrown where it is awaited
    return { stored, ...(live ? { live } : {}) };
  }

  async #hasBlob(repository: RepositoryName, digest: Digest): Promise<boolean> {
    try {
      await this.#parts.blobs.find(repository, digest, true);
      return true;
    } catch (error) {
      if (error instanceof RegistryError && error.code === "BLOB_UNKNOWN") return false;
      throw error;
    }
  }

  async #sendBlob(
    repository: RepositoryName,
    { digest, sizeBytes }: ReferencedContent,
    remote: Repository,
    signal: AbortSignal,
  ): Promise<void> {
    if ((await remote.blobSize(digest, signal)) !== undefined) return;
    const { blobs, storage } = this.#parts;
    const { place } = await blobs.find(repository, digest, true);
    const read = (offset: number, end: number): AsyncIterable<Uint8Array> => {
      return readStored(storage, { place, sizeBytes }, { offset, end });
    };
    await remote.upload({ digest, sizeBytes, read }, [], () => undefined, signal);
  }
}

/** Bytes of a blob of ours from `offset` to before `end`. */
export function readStored(
  storage: BlobStorage,
  { place, sizeBytes }: Pick<StoredBlob, "place" | "sizeBytes">,
  { offset, end }: { readonly offset: number; readonly end: number },
): AsyncIterable<Uint8Array> {
  const body = storage.body(place, sizeBytes, { first: offset, last: end - 1 });
  return new Response(end > offset ? body : null).body ?? streamOf(nothing());
}

/** Of ours and of other registries' answers. */
export function isNotFound(error: unknown): boolean {
  return error instanceof WharfError && error.kind === "not-found";
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function nameOf(reference: ManifestReference): string {
  return reference.kind === "tag" ? reference.tag : reference.digest;
}

function factsOf(fetched: FetchedManifest): ReturnType<typeof parseManifestFacts> {
  return parseManifestFacts(fetched.bytes, fetched.descriptor.mediaType);
}

/** Digest of a manifest there; undefined where there is none. */
async function headOf(
  remote: Repository,
  reference: string,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  try {
    return (await remote.headManifest(reference, signal))?.digest;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
