import { messageOf } from "#base/errors.ts";
import type { ContentDependencies } from "#registry-server/content/dependencies.ts";
import type { RegistryLog } from "#registry-server/log.ts";
import {
  listBlobs,
  removeBlob,
  repositoriesWithBlob,
  type StoredBlob,
} from "#registry-server/metadata/blobs.ts";
import { type Digest, digestAlgorithm, Digester } from "#spec/digest.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";

export interface VerifyRequest {
  /** Blobs behind this digest; empty for the first. */
  readonly after: string;
  /** What is damaged goes, so that the next push or the cache brings it anew. */
  readonly removesDamaged: boolean;
}

export interface DamagedBlob {
  readonly digest: Digest;
  readonly fault: "missing" | "wrong size" | "wrong content";
  /** That have it, at most 100. */
  readonly repositories: readonly RepositoryName[];
  readonly isRemoved: boolean;
}

/** Of one step: a registry is too large to be read in one request. */
export interface VerifyReport {
  readonly blobs: number;
  readonly blobBytes: number;
  readonly damaged: readonly DamagedBlob[];
  /** What to go on behind; absent at the end. */
  readonly next?: Digest;
}

const STEP_BLOBS = 1000;
const STEP_BYTES = 1024 * 1024 * 1024;
const REPOSITORIES_SHOWN = 100;
/** As the file system, and S3, say that there is nothing. */
const MISSING_CODES: readonly string[] = ["ENOENT", "NoSuchKey"];

/** Reads what is stored and compares it with its digests: disks lose bits in silence. */
export class Verifier {
  readonly #content: ContentDependencies;
  readonly #log: RegistryLog;

  constructor(content: ContentDependencies, log: RegistryLog) {
    this.#content = content;
    this.#log = log;
  }

  /** @throws What keeps the storage from being read, other than a blob that is not there. */
  async verify({ after, removesDamaged }: VerifyRequest): Promise<VerifyReport> {
    const listed = await listBlobs(this.#content.database, after, STEP_BLOBS);
    const damaged: DamagedBlob[] = [];
    let [blobs, blobBytes] = [0, 0];
    let last: Digest | undefined;
    for (const blob of listed) {
      if (blobBytes >= STEP_BYTES) break;
      const fault = await this.#faultOf(blob);
      if (fault !== undefined) damaged.push(await this.#report(blob, fault, removesDamaged));
      blobs++;
      blobBytes += blob.sizeBytes;
      last = blob.digest;
    }
    const isEnd = blobs === listed.length && listed.length < STEP_BLOBS;
    return { blobs, blobBytes, damaged, ...(isEnd || last === undefined ? {} : { next: last }) };
  }

  async #faultOf(blob: StoredBlob): Promise<DamagedBlob["fault"] | undefined> {
    const digester = new Digester(digestAlgorithm(blob.digest));
    let sizeBytes = 0;
    try {
      const body = new Response(this.#content.storage.body(blob.place, blob.sizeBytes)).body;
      for await (const piece of body ?? []) {
        sizeBytes += piece.byteLength;
        digester.update(piece);
      }
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      if (MISSING_CODES.includes(code)) return "missing";
      throw error;
    }
    if (sizeBytes !== blob.sizeBytes) return "wrong size";
    return digester.finish() === blob.digest ? undefined : "wrong content";
  }

  async #report(
    blob: StoredBlob,
    fault: DamagedBlob["fault"],
    removesDamaged: boolean,
  ): Promise<DamagedBlob> {
    const { digest } = blob;
    const { database } = this.#content;
    const repositories = await repositoriesWithBlob(database, digest, REPOSITORIES_SHOWN);
    const isRemoved = removesDamaged && (await this.#remove(blob));
    this.#log.warn("A blob is damaged", { digest, fault, removed: isRemoved });
    return { digest, fault, repositories, isRemoved };
  }

  /** Repositories keep their links: the blob is theirs again when it is pushed to any of them. */
  async #remove({ digest, place }: StoredBlob): Promise<boolean> {
    const { database, storage, lanes } = this.#content;
    return await lanes.run(digest, async () => {
      if (!(await removeBlob(database, digest, place))) return false; // it was collected meanwhile
      await storage.remove(place).catch((error: unknown) => {
        this.#log.warn("Cannot remove a damaged blob", { place, error: messageOf(error) });
      });
      return true;
    });
  }
}
