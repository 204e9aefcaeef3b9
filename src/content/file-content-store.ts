import { createReadStream, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { invariant, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { type Digest, Digester, digestAlgorithm, digestHex, tryParseDigest } from "#spec/digest.ts";
import type {
  BlobInfo,
  BlobRange,
  ContentLease,
  ContentStore,
  IngestExpectation,
  PartialBlob,
  PartialExpectation,
} from "./content.ts";
import { WriteBehind } from "./write-behind.ts";
import { openPartialFile, removeStalePartials } from "./partial-file.ts";

/** Bytes read at once: larger gains nothing, smaller costs calls. */
const CHUNK_BYTES = 1024 * 1024;
/** How long a collection goes on before others have their turn. */
const TURN_MS = 5;
const ALGORITHMS = ["sha256", "sha512"] as const;

export interface FileContentStoreOptions {
  /** Folder of its own; made when absent. Files below it belong to this store alone. */
  readonly directory: string;
}

/** Makes the folders and removes ingests that an earlier process abandoned. */
export function openFileContentStore(options: FileContentStoreOptions): ContentStore {
  const ingest = join(options.directory, "ingest");
  for (const algorithm of ALGORITHMS) {
    mkdirSync(join(options.directory, "blobs", algorithm), { recursive: true, mode: 0o700 });
  }
  rmSync(ingest, { recursive: true, force: true });
  mkdirSync(ingest, { mode: 0o700 });
  mkdirSync(join(options.directory, "partial"), { recursive: true, mode: 0o700 });
  return new FileContentStore(options.directory);
}

async function syncDirectory(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

class FileContentStore implements ContentStore {
  readonly #blobs: string;
  readonly #ingests: string;
  readonly #partials: string;
  /** Paths of partial blobs that somebody holds. */
  readonly #openPartials = new Set<string>();
  /** How many leases hold a digest. */
  readonly #held = new Map<Digest, number>();
  #nextIngest = 1;

  constructor(directory: string) {
    this.#blobs = join(directory, "blobs");
    this.#ingests = join(directory, "ingest");
    this.#partials = join(directory, "partial");
  }

  info(digest: Digest): BlobInfo | undefined {
    const found = statSync(this.pathOf(digest), { throwIfNoEntry: false });
    return found && { digest, sizeBytes: found.size };
  }

  pathOf(digest: Digest): string {
    return join(this.#blobs, digestAlgorithm(digest), digestHex(digest));
  }

  async *read(digest: Digest, range?: BlobRange): AsyncIterable<Uint8Array> {
    if (range && range.offset >= range.end) return;
    const stream = createReadStream(this.pathOf(digest), {
      highWaterMark: CHUNK_BYTES,
      ...(range ? { start: range.offset, end: range.end - 1 } : {}),
    });
    try {
      for await (const chunk of stream) yield chunk as Uint8Array;
    } catch (error) {
      throw isMissing(error) ? this.#unknown(digest, error) : error;
    } finally {
      stream.destroy();
    }
  }

  async readBytes(digest: Digest, maxBytes: number): Promise<Uint8Array> {
    const found = this.info(digest);
    if (!found) throw this.#unknown(digest);
    if (found.sizeBytes > maxBytes) {
      throw new InvalidArgumentError(
        `Cannot read blob ${digest}: ${found.sizeBytes} bytes are over the limit of ${maxBytes}`,
      );
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.read(digest)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async ingest(
    source: AsyncIterable<Uint8Array>,
    expected: IngestExpectation,
    signal: AbortSignal,
  ): Promise<BlobInfo> {
    signal.throwIfAborted();
    const path = this.newIngestPath();
    // What is there already was verified when it came: only the hash is taken again.
    const known = expected.digest && this.info(expected.digest)?.digest;
    const isKnown = known !== undefined;
    if (isKnown) expected.lease?.add(known);
    const file = isKnown ? undefined : await open(path, "wx", 0o600);
    const writer = file && new WriteBehind(file, (bytes) => expected.onWritten?.(path, bytes));
    try {
      const received = await receive(source, expected, writer, signal);
      checkDigest(expected, received);
      await writer?.finish();
      signal.throwIfAborted();
      // `collect` sees the blob leased from before it is there, also while the folder is synced
      expected.lease?.add(received.digest);
      using own = this.lease();
      own.add(received.digest);
      if (file) await this.#publish(path, received.digest);
      return received;
    } finally {
      await writer?.settled();
      await file?.close();
      if (file) await rm(path, { force: true });
    }
  }

  async openPartial(expected: PartialExpectation, signal: AbortSignal): Promise<PartialBlob> {
    const { digest, lease } = expected;
    const path = join(this.#partials, `${digestAlgorithm(digest)}-${digestHex(digest)}`);
    invariant(!this.#openPartials.has(path), `${path} has one holder`);
    this.#openPartials.add(path);
    const close = (): void => void this.#openPartials.delete(path);
    const publish = async (): Promise<void> => {
      lease.add(digest);
      await this.#publish(path, digest);
    };
    try {
      return await openPartialFile({ ...expected, path, publish, onClosed: close }, signal);
    } catch (error) {
      close();
      throw error;
    }
  }

  newIngestPath(): string {
    return join(this.#ingests, String(this.#nextIngest++));
  }

  async adopt(path: string, { digest }: BlobInfo, lease: ContentLease): Promise<void> {
    lease.add(digest);
    if (this.info(digest)) await rm(path);
    else await this.#publish(path, digest);
  }

  list(): readonly BlobInfo[] {
    return this.#digests().flatMap((digest) => this.info(digest) ?? []);
  }

  isLeased(digest: Digest): boolean {
    return this.#held.has(digest);
  }

  lease(): ContentLease {
    const own = new Set<Digest>();
    const held = this.#held;
    return {
      add(digest) {
        if (own.has(digest)) return;
        own.add(digest);
        held.set(digest, (held.get(digest) ?? 0) + 1);
      },
      [Symbol.dispose]() {
        for (const digest of own) {
          const left = (held.get(digest) ?? 1) - 1;
          if (left > 0) held.set(digest, left);
          else held.delete(digest);
        }
        own.clear();
      },
    };
  }

  async collect(
    isReferenced: (digest: Digest) => boolean,
  ): Promise<{ readonly freedBytes: number }> {
    let freedBytes = 0;
    const trash: string[] = [];
    let turnMs = performance.now();
    for (const digest of this.#digests()) {
      if (performance.now() - turnMs > TURN_MS) {
        await setImmediate();
        turnMs = performance.now();
      }
      if (this.#held.has(digest) || isReferenced(digest)) continue;
      // another collection may have been here in between
      const blob = this.info(digest);
      if (!blob) continue;
      // Moved aside at once, so that an ingest of the same digest may come back under its name;
      // freeing the blocks of a large file takes long and is done off the event loop.
      const aside = join(this.#ingests, `trash-${this.#nextIngest++}`);
      renameSync(this.pathOf(digest), aside);
      trash.push(aside);
      freedBytes += blob.sizeBytes;
    }
    for (const path of trash) await rm(path, { force: true });
    freedBytes += await removeStalePartials(this.#partials, this.#openPartials, Date.now());
    return { freedBytes };
  }

  #digests(): readonly Digest[] {
    return ALGORITHMS.flatMap((algorithm) =>
      readdirSync(join(this.#blobs, algorithm)).flatMap((hex) => {
        const parsed = tryParseDigest(`${algorithm}:${hex}`);
        return parsed.ok ? parsed.digest : [];
      }),
    );
  }

  /** Off the event loop: with much else on its way to the disk either call waits for some of that. */
  async #publish(path: string, digest: Digest): Promise<void> {
    const target = this.pathOf(digest);
    // A concurrent ingest of the same bytes may have come first: either file will do.
    await rename(path, target);
    await syncDirectory(join(this.#blobs, digestAlgorithm(digest)));
  }

  #unknown(digest: Digest, cause?: unknown): NotFoundError {
    return new NotFoundError(`Cannot read blob ${digest}: it is not in the content store`, {
      cause,
    });
  }
}

/** Hashes `source` and hands it to the writer. */
async function receive(
  source: AsyncIterable<Uint8Array>,
  expected: IngestExpectation,
  writer: WriteBehind | undefined,
  signal: AbortSignal,
): Promise<BlobInfo> {
  const maxBytes = Math.min(expected.sizeBytes ?? Infinity, expected.maxSizeBytes ?? Infinity);
  const digester = new Digester(expected.digest ? digestAlgorithm(expected.digest) : "sha256");
  let sizeBytes = 0;
  for await (const chunk of source) {
    signal.throwIfAborted();
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) throw tooLarge(expected, maxBytes);
    digester.update(chunk);
    await writer?.add(chunk);
  }
  return { digest: digester.finish(), sizeBytes };
}

function tooLarge(expected: IngestExpectation, maxBytes: number): InvalidArgumentError {
  const what = expected.digest ?? "blob";
  return expected.sizeBytes === maxBytes
    ? new InvalidArgumentError(
        `Cannot store ${what}: more than the ${maxBytes} bytes that were announced`,
      )
    : new InvalidArgumentError(`Cannot store ${what}: it is over the limit of ${maxBytes} bytes`);
}

function checkDigest(expected: IngestExpectation, received: BlobInfo): void {
  if (expected.sizeBytes !== undefined && received.sizeBytes !== expected.sizeBytes) {
    throw new InvalidArgumentError(
      `Cannot store ${expected.digest ?? "blob"}: ${received.sizeBytes} bytes came, ` +
        `${expected.sizeBytes} were announced`,
    );
  }
  if (expected.digest !== undefined && received.digest !== expected.digest) {
    throw new InvalidArgumentError(
      `Cannot store blob: its digest is ${received.digest}, expected ${expected.digest}`,
    );
  }
}
