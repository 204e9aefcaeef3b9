import { CancelledError, messageOf } from "#base/errors.ts";
import { checkQuota } from "./limits.ts";
import { isStorageFull, RegistryError, storageFull } from "#registry-server/errors.ts";
import {
  findBlob,
  insertBlob,
  linkBlob,
  type StoredBlob,
  touchBlob,
} from "#registry-server/metadata/blobs.ts";
import {
  advanceUpload,
  findUpload,
  insertUpload,
  removeUpload,
  type Upload,
} from "#registry-server/metadata/uploads.ts";
import { type Digest, type DigestAlgorithm, digestAlgorithm, Digester } from "#spec/digest.ts";
import { formatUploadRange } from "#spec/distribution/byte-ranges.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";
import type { ContentDependencies } from "./dependencies.ts";

/** Uploads whose digest so far is kept in memory; for others the bytes are read again at the end. */
const RUNNING_DIGESTS_MAX = 512;

/** What a request brings for an upload. */
export interface Chunk {
  /** Where it says that it begins; absent: behind what is there. */
  readonly firstByte?: number;
  /** Bytes that it says to have. */
  readonly lengthBytes?: number;
  readonly body: ReadableStream<Uint8Array> | null;
  /** Absent where the body's source is trusted to come to an end. */
  readonly pace?: Pace;
}

/** A body's reader, as far as it is needed. */
export interface BodyReader {
  read(): Promise<BodyPiece>;
  cancel(reason: unknown): Promise<void>;
}

export type BodyPiece =
  | { readonly done: false; readonly value: Uint8Array }
  | { readonly done: true; readonly value?: Uint8Array | undefined };

/** Watches over how fast a body comes. */
export interface Pace {
  /** The next piece. @throws {RegistryError} When it takes too long. */
  next(reader: BodyReader): Promise<BodyPiece>;
}

interface RunningDigest {
  readonly digester: Digester;
  readonly algorithm: DigestAlgorithm;
  sizeBytes: number;
}

/**
 * Uploads of blobs. Bytes count as acknowledged when the size in the metadata says so; an upload that was cut off,
 * by its client or by the server's death, goes on from there.
 */
export class Uploads {
  readonly #parts: ContentDependencies;
  readonly #digests = new Map<string, RunningDigest>();
  /** Requests that write to an upload, by its id: a later one puts an end to an earlier. */
  readonly #writing = new Map<
    string,
    { readonly abort: AbortController; readonly done: Promise<unknown> }
  >();

  constructor(parts: ContentDependencies) {
    this.#parts = parts;
  }

  async begin(repository: RepositoryName, algorithm: DigestAlgorithm = "sha256"): Promise<Upload> {
    const { database, storage, newId, nowMs } = this.#parts;
    const id = newId();
    const state = await storage.beginUpload(id);
    const upload: Upload = { id, repository, sizeBytes: 0, state, touchedMs: nowMs() };
    await insertUpload(database, upload);
    this.#keepDigest(id, { digester: new Digester(algorithm), algorithm, sizeBytes: 0 });
    return upload;
  }

  /** @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN` */
  async find(repository: RepositoryName, id: string): Promise<Upload> {
    const upload = await findUpload(this.#parts.database, repository, id);
    if (!upload) throw new RegistryError("BLOB_UPLOAD_UNKNOWN");
    return upload;
  }

  /**
   * Adds a chunk. What came before a break counts.
   *
   * @returns The upload as it is now.
   * @throws {RegistryError} `RANGE_INVALID` (416) for a chunk that does not begin where the upload ends.
   */
  async append(
    repository: RepositoryName,
    id: string,
    chunk: Chunk,
    signal: AbortSignal,
  ): Promise<Upload> {
    return await this.#exclusively(id, signal, async (combined) => {
      const upload = await this.find(repository, id);
      return await this.#append(upload, chunk, combined);
    });
  }

  /**
   * Adds the last chunk, checks the digest and makes the upload a blob of the repository.
   *
   * @throws {RegistryError} `DIGEST_INVALID`: the upload is gone then.
   */
  async finish(
    repository: RepositoryName,
    id: string,
    last: { readonly chunk: Chunk; readonly digest: Digest },
    signal: AbortSignal,
  ): Promise<StoredBlob> {
    return await this.#exclusively(id, signal, async (combined) => {
      const before = await this.find(repository, id);
      const upload = await this.#append(before, last.chunk, combined);
      return await this.#commit(upload, last.digest);
    });
  }

  /** @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN` */
  async cancel(repository: RepositoryName, id: string): Promise<void> {
    const never = new AbortController();
    await this.#exclusively(id, never.signal, async () => {
      await this.#discard(await this.find(repository, id));
    });
  }

  /** Makes a blob of another repository one of this. @returns Undefined when there is no such blob. */
  async mount(repository: RepositoryName, digest: Digest): Promise<StoredBlob | undefined> {
    const { database, nowMs } = this.#parts;
    return await database.transaction(async (session) => {
      if (!(await touchBlob(session, digest, nowMs()))) return undefined;
      const blob = await findBlob(session, digest);
      if (blob) await checkQuota(session, repository, blob);
      await linkBlob(session, repository, digest, nowMs());
      return blob;
    });
  }

  async #append(upload: Upload, chunk: Chunk, signal: AbortSignal): Promise<Upload> {
    const { database, storage, nowMs } = this.#parts;
    if (chunk.firstByte !== undefined && chunk.firstByte !== upload.sizeBytes) {
      throw new RegistryError("RANGE_INVALID", "chunk does not begin where the upload ends", {
        detail: { expected: upload.sizeBytes, received: chunk.firstByte },
        headers: {
          Location: uploadLocation(upload),
          Range: formatUploadRange(upload.sizeBytes),
          "Docker-Upload-UUID": upload.id,
        },
      });
    }
    const digest = this.#digestAt(upload);
    const body = digested(chunk, digest, signal);
    const appended = await storage.append(upload.id, upload.state, upload.sizeBytes, body);
    if (digest && digest.sizeBytes !== appended.sizeBytes) this.#digests.delete(upload.id);
    const receivedBytes = appended.sizeBytes - upload.sizeBytes;
    const after = { ...upload, ...pick(appended), touchedMs: nowMs() };
    if (receivedBytes > 0 && !(await advanceUpload(database, upload, after))) {
      this.#digests.delete(upload.id);
      throw new RegistryError("BLOB_UPLOAD_INVALID", "another request changed the upload");
    }
    if (appended.failure !== undefined) throw brokenOff(appended.failure);
    if (chunk.lengthBytes !== undefined && chunk.lengthBytes !== receivedBytes) {
      throw new RegistryError("SIZE_INVALID", "", {
        detail: { expected: chunk.lengthBytes, received: receivedBytes },
      });
    }
    return after;
  }

  async #commit(upload: Upload, digest: Digest): Promise<StoredBlob> {
    const { database, storage, lanes, nowMs } = this.#parts;
    const actual = await this.#digestOf(upload, digestAlgorithm(digest));
    this.#digests.delete(upload.id);
    if (actual !== digest) {
      await this.#discard(upload);
      throw new RegistryError("DIGEST_INVALID", "", { detail: { expected: digest, actual } });
    }
    const { id, repository, sizeBytes, state } = upload;
    return await lanes.run(digest, async () => {
      const known = await this.#mountOrDiscard(upload, digest);
      if (known) return known;
      const place = await storage.publish(id, state, digest, sizeBytes);
      const blob = { digest, sizeBytes, place };
      const isNew = await database.transaction(async (session) => {
        await checkQuota(session, repository, blob);
        const isInserted = await insertBlob(session, blob, nowMs());
        await linkBlob(session, repository, digest, nowMs());
        await removeUpload(session, id);
        return isInserted;
      });
      const kept = isNew ? blob : ((await findBlob(database, digest)) ?? blob);
      // another server was faster with the same content
      if (kept.place !== place) await storage.remove(place);
      return kept;
    });
  }

  /** The blob where it is there already; the upload is gone then. */
  async #mountOrDiscard(upload: Upload, digest: Digest): Promise<StoredBlob | undefined> {
    const { repository, sizeBytes } = upload;
    try {
      const known = await this.mount(repository, digest);
      if (known) await this.#discard(upload);
      else await checkQuota(this.#parts.database, repository, { digest, sizeBytes });
      return known;
    } catch (error) {
      await this.#discard(upload);
      throw error;
    }
  }

  async #discard(upload: Upload): Promise<void> {
    const { database, storage } = this.#parts;
    this.#digests.delete(upload.id);
    if (await removeUpload(database, upload.id)) {
      await storage.discardUpload(upload.id, upload.state);
    }
  }

  async #digestOf(upload: Upload, algorithm: DigestAlgorithm): Promise<Digest> {
    const running = this.#digestAt(upload);
    if (running?.algorithm === algorithm) return running.digester.finish();
    const digester = new Digester(algorithm);
    const bytes = this.#parts.storage.readUpload(upload.id, upload.state, upload.sizeBytes);
    for await (const piece of bytes) digester.update(piece);
    return digester.finish();
  }

  /** The digest over exactly what the upload has, where it was kept. */
  #digestAt(upload: Upload): RunningDigest | undefined {
    const running = this.#digests.get(upload.id);
    return running?.sizeBytes === upload.sizeBytes ? running : undefined;
  }

  #keepDigest(id: string, running: RunningDigest): void {
    this.#digests.set(id, running);
    const [oldest] = this.#digests.keys();
    if (this.#digests.size > RUNNING_DIGESTS_MAX && oldest !== undefined) {
      this.#digests.delete(oldest);
    }
  }

  /**
   * A client whose connection died comes back before we know of the death: the request of its new connection ends that
   * of the old one and waits until what had come is counted.
   */
  async #exclusively<T>(
    id: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    for (let earlier = this.#writing.get(id); earlier; earlier = this.#writing.get(id)) {
      earlier.abort.abort(new CancelledError("A later request goes on with the upload"));
      await earlier.done;
    }
    const abort = new AbortController();
    const result = work(AbortSignal.any([signal, abort.signal]));
    const done = result.then(
      () => undefined,
      () => undefined,
    );
    this.#writing.set(id, { abort, done });
    try {
      return await result;
    } finally {
      this.#writing.delete(id);
    }
  }
}

export function uploadLocation(upload: Upload): string {
  return `/v2/${upload.repository}/blobs/uploads/${upload.id}`;
}

function pick({
  sizeBytes,
  state,
}: {
  readonly sizeBytes: number;
  readonly state: string;
}): Pick<Upload, "sizeBytes" | "state"> {
  return { sizeBytes, state };
}

function brokenOff(failure: unknown): RegistryError {
  if (failure instanceof RegistryError) return failure;
  if (isStorageFull(failure)) return storageFull(failure);
  return new RegistryError("BLOB_UPLOAD_INVALID", `upload broke off: ${messageOf(failure)}`, {
    cause: failure,
  });
}

/** Passes the body on, digested on the way; ends with the signal's reason when that comes first. */
async function* digested(
  { body, pace }: Chunk,
  digest: RunningDigest | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  if (!body) return;
  const reader = body.getReader();
  const onAbort = (): void => void reader.cancel(signal.reason).catch(() => undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      const next = await (pace ? pace.next(reader) : reader.read());
      signal.throwIfAborted();
      if (next.done) return;
      if (digest) {
        digest.digester.update(next.value);
        digest.sizeBytes += next.value.byteLength;
      }
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    reader.releaseLock();
  }
}
