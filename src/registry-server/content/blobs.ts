import { RegistryError } from "#registry-server/errors.ts";
import {
  findLinkedBlob,
  repositoriesWithBlob,
  type StoredBlob,
  touchBlob,
  touchLink,
  unlinkBlob,
} from "#registry-server/metadata/blobs.ts";
import { findReferrerOfBlob } from "#registry-server/metadata/manifests.ts";
import type { Digest } from "#spec/digest.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";
import type { ContentDependencies } from "./dependencies.ts";

/** How old a note may be that a client counts on a blob: each HEAD would cost a write. */
const SEEN_PRECISION_MS = 5 * 60_000;

/** Blobs of repositories. */
export class Blobs {
  readonly #parts: ContentDependencies;

  constructor(parts: ContentDependencies) {
    this.#parts = parts;
  }

  /**
   * @param isCountedOn The client may leave out an upload because the blob is there: it is kept for a while.
   * @throws {RegistryError} `BLOB_UNKNOWN`
   */
  async find(
    repository: RepositoryName,
    digest: Digest,
    isCountedOn: boolean,
  ): Promise<StoredBlob> {
    const { database, nowMs } = this.#parts;
    const blob = await findLinkedBlob(database, repository, digest);
    if (!blob) throw new RegistryError("BLOB_UNKNOWN", "", { detail: { digest } });
    if (!isCountedOn || blob.seenMs > nowMs() - SEEN_PRECISION_MS) return blob;
    return await database.transaction(async (session) => {
      const isThere =
        (await touchBlob(session, digest, nowMs())) &&
        (await touchLink(session, repository, digest, nowMs()));
      if (!isThere) throw new RegistryError("BLOB_UNKNOWN", "", { detail: { digest } });
      return blob;
    });
  }

  /**
   * Takes the blob from the repository; its bytes are collected when no other has it.
   *
   * @throws {RegistryError} `BLOB_UNKNOWN`, or `UNSUPPORTED` while a manifest of the repository needs it.
   */
  async remove(repository: RepositoryName, digest: Digest): Promise<void> {
    await this.#parts.database.transaction(async (session) => {
      const manifest = await findReferrerOfBlob(session, repository, digest);
      if (manifest !== undefined) {
        throw new RegistryError("UNSUPPORTED", `blob is part of manifest ${manifest}`, {
          detail: { manifest },
        });
      }
      if (!(await unlinkBlob(session, repository, digest))) {
        throw new RegistryError("BLOB_UNKNOWN", "", { detail: { digest } });
      }
    });
  }

  /** Repositories that a blob might be mounted from, at most 100. */
  async repositoriesOf(digest: Digest): Promise<readonly RepositoryName[]> {
    return await repositoriesWithBlob(this.#parts.database, digest, 100);
  }
}
