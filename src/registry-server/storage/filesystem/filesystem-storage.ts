import { mkdirSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { UnavailableError, messageOf } from "#base/errors.ts";
import { type Digest, digestAlgorithm, digestHex } from "#spec/digest.ts";
import type { ByteRange } from "#spec/distribution/byte-ranges.ts";
import { isStorageFull } from "#registry-server/errors.ts";
import type {
  Appended,
  BlobPlace,
  BlobStorage,
  StoredThing,
  UploadState,
} from "#registry-server/storage/storage.ts";

/** Bytes gathered for one write: the next ones are hashed while they go to the disk. */
const WRITE_BYTES = 256 * 1024;
/** Buffers that wait for the next upload. */
const POOLED_BUFFERS = 32;
const READ_BYTES = 256 * 1024;

/**
 * Blobs as files, `blobs/<algorithm>/<two digits>/<hex>`, and one file an upload in `uploads/`. An upload is synced
 * and renamed to become a blob, so what has a blob's name is whole; one process at a time uses a root.
 */
export class FilesystemStorage implements BlobStorage {
  readonly chunkMinBytes = 0;
  readonly #root: string;
  readonly #buffers = new BufferPool();
  /** Whose own names are surely on the disk. */
  readonly #syncedFolders = new Set<string>();

  /** @param root Made when absent. */
  constructor(root: string) {
    this.#root = root;
    mkdirSync(join(root, "uploads"), { recursive: true });
    mkdirSync(join(root, "blobs"), { recursive: true });
  }

  async beginUpload(id: string): Promise<UploadState> {
    const file = await open(this.#uploadPath(id), "wx", 0o600);
    await file.close();
    return "";
  }

  async append(
    id: string,
    state: UploadState,
    offsetBytes: number,
    body: AsyncIterable<Uint8Array>,
  ): Promise<Appended> {
    await using file = await open(this.#uploadPath(id), "r+");
    if ((await file.stat()).size !== offsetBytes) await file.truncate(offsetBytes);
    const writer = new GatheringWriter(file, offsetBytes, this.#buffers);
    const failures: unknown[] = [];
    try {
      for await (const chunk of body) await writer.write(chunk);
    } catch (error) {
      failures.push(error);
    }
    await writer.close().catch((error: unknown) => failures.push(error));
    const failure = failures.find(isStorageFull) ?? failures.at(-1);
    if (isStorageFull(failure)) {
      // what came would keep the disk full, and the metadata from being written
      await file.truncate(offsetBytes);
      return { state, sizeBytes: offsetBytes, failure };
    }
    const sizeBytes = writer.writtenBytes;
    return { state, sizeBytes, ...(failure === undefined ? {} : { failure }) };
  }

  async *readUpload(id: string, _state: UploadState, sizeBytes: number): AsyncIterable<Uint8Array> {
    await using file = await open(this.#uploadPath(id), "r");
    for (let at = 0; at < sizeBytes; ) {
      const want = Math.min(READ_BYTES, sizeBytes - at);
      const { bytesRead, buffer } = await file.read(new Uint8Array(want), 0, want, at);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  async publish(
    id: string,
    _state: UploadState,
    digest: Digest,
    sizeBytes: number,
  ): Promise<BlobPlace> {
    const hex = digestHex(digest);
    const place = join("blobs", digestAlgorithm(digest), hex.slice(0, 2), hex);
    const target = join(this.#root, place);
    {
      await using file = await open(this.#uploadPath(id), "r+");
      if ((await file.stat()).size !== sizeBytes) await file.truncate(sizeBytes);
      await file.datasync();
    }
    await mkdir(dirname(target), { recursive: true });
    await rename(this.#uploadPath(id), target);
    await syncFolder(dirname(target));
    await this.#syncParents(dirname(target));
    return place;
  }

  async discardUpload(id: string): Promise<void> {
    await rm(this.#uploadPath(id), { force: true });
  }

  body(place: BlobPlace, _sizeBytes: number, range?: ByteRange): Bun.BodyInit {
    const file = Bun.file(join(this.#root, place));
    return range ? file.slice(range.first, range.last + 1) : file;
  }

  async remove(place: BlobPlace): Promise<void> {
    await rm(join(this.#root, place), { force: true });
  }

  async *list(): AsyncIterable<StoredThing> {
    for (const folder of ["uploads", "blobs"]) {
      const found = await readdir(join(this.#root, folder), {
        recursive: true,
        withFileTypes: true,
      });
      for (const entry of found) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        const info = await stat(path).catch(() => undefined); // gone since
        if (!info) continue;
        const place = relative(this.#root, path);
        const owner = folder === "uploads" ? { uploadId: entry.name } : { placePrefix: place };
        yield { place, modifiedMs: info.mtimeMs, ...owner };
      }
    }
  }

  async check(): Promise<void> {
    try {
      await stat(join(this.#root, "blobs"));
    } catch (cause) {
      throw new UnavailableError(`Cannot use storage: ${messageOf(cause)}`, { cause });
    }
  }

  /** Once for each folder: it may be new, and is not removed. */
  async #syncParents(folder: string): Promise<void> {
    if (this.#syncedFolders.has(folder)) return;
    await syncFolder(dirname(folder));
    await syncFolder(dirname(dirname(folder)));
    this.#syncedFolders.add(folder);
  }

  #uploadPath(id: string): string {
    return join(this.#root, "uploads", id);
  }
}

/**
 * Gathers chunks in one buffer while another goes to the disk. Buffers are used again: as garbage they would be most
 * of the process's memory while many clients push.
 */
class GatheringWriter {
  readonly #file: FileHandle;
  readonly #buffers: BufferPool;
  #written: number;
  #gathering: Uint8Array<ArrayBuffer>;
  #gatheredBytes = 0;
  #spare: Uint8Array<ArrayBuffer>;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: FileHandle, position: number, buffers: BufferPool) {
    this.#file = file;
    this.#buffers = buffers;
    this.#written = position;
    this.#gathering = buffers.take();
    this.#spare = buffers.take();
  }

  /** End of what is surely in the file. */
  get writtenBytes(): number {
    return this.#written;
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; rest.byteLength > 0; ) {
      const part = rest.subarray(0, WRITE_BYTES - this.#gatheredBytes);
      this.#gathering.set(part, this.#gatheredBytes);
      this.#gatheredBytes += part.byteLength;
      rest = rest.subarray(part.byteLength);
      if (this.#gatheredBytes === WRITE_BYTES) await this.#send();
    }
  }

  /** Writes the rest; the writer is of no use afterwards. */
  async close(): Promise<void> {
    try {
      await this.#send();
      await this.#writing;
    } finally {
      this.#buffers.give(this.#gathering);
      this.#buffers.give(this.#spare);
    }
  }

  async #send(): Promise<void> {
    await this.#writing;
    if (this.#gatheredBytes === 0) return;
    const bytes = this.#gathering.subarray(0, this.#gatheredBytes);
    this.#gathering = this.#spare;
    this.#spare = new Uint8Array(bytes.buffer);
    this.#gatheredBytes = 0;
    this.#writing = this.#writeAll(bytes);
    this.#writing.catch(() => undefined); // thrown where it is awaited
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.byteLength > 0; ) {
      const { bytesWritten } = await this.#file.write(rest, 0, rest.byteLength, this.#written);
      this.#written += bytesWritten;
      rest = rest.subarray(bytesWritten);
    }
  }
}

class BufferPool {
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  take(): Uint8Array<ArrayBuffer> {
    return this.#free.pop() ?? new Uint8Array(WRITE_BYTES);
  }

  give(buffer: Uint8Array<ArrayBuffer>): void {
    if (this.#free.length < POOLED_BUFFERS) this.#free.push(buffer);
  }
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}
