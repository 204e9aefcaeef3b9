import { type FileHandle, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { InvalidArgumentError } from "#base/errors.ts";
import { Digester, digestAlgorithm } from "#spec/digest.ts";
import type { BlobInfo, PartialBlob, PartialExpectation } from "./content.ts";
import { writeAll } from "./write-all.ts";

const CHUNK_BYTES = 1024 * 1024;
/** Whoever wanted the blob has had time to come back. */
const KEEP_MS = 24 * 60 * 60 * 1000;

export interface PartialFileOptions extends Pick<PartialExpectation, "digest" | "sizeBytes"> {
  readonly path: string;
  /** Gives the whole and synced file its name. */
  readonly publish: () => Promise<void>;
  readonly onClosed: () => void;
}

/** Opens or makes the file, and hashes what is in it. */
export async function openPartialFile(
  options: PartialFileOptions,
  signal: AbortSignal,
): Promise<PartialBlob> {
  // what a power cut left behind the last sync may be anything: the digest of the whole tells
  const file = await open(options.path, "a+", 0o600);
  try {
    const partial = new PartialFile(options, file);
    await partial.hashExisting(signal);
    return partial;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** @returns Bytes that it freed. */
export async function removeStalePartials(
  directory: string,
  open: ReadonlySet<string>,
  nowMs: number,
): Promise<number> {
  let freedBytes = 0;
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const found = await stat(path).catch(() => undefined); // its holder may just have finished it
    if (!found || open.has(path) || found.mtimeMs > nowMs - KEEP_MS) continue;
    await rm(path, { force: true });
    freedBytes += found.size;
  }
  return freedBytes;
}

class PartialFile implements PartialBlob {
  readonly path: string;
  readonly #options: PartialFileOptions;
  readonly #file: FileHandle;
  #digester: Digester;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #receivedBytes = 0;
  #writtenBytes = 0;
  #isClosed = false;

  constructor(options: PartialFileOptions, file: FileHandle) {
    this.path = options.path;
    this.#options = options;
    this.#file = file;
    this.#digester = this.#newDigester();
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  async hashExisting(signal: AbortSignal): Promise<void> {
    const { size } = await this.#file.stat();
    if (size > this.#options.sizeBytes) return await this.restart();
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size));
    for (let at = 0; at < size; ) {
      signal.throwIfAborted();
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) break;
      this.#digester.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
      this.#receivedBytes = at;
    }
    this.#writtenBytes = this.#receivedBytes;
  }

  async append(chunk: Uint8Array): Promise<void> {
    const { sizeBytes, digest } = this.#options;
    if (this.#receivedBytes + chunk.byteLength > sizeBytes) {
      throw new InvalidArgumentError(
        `Cannot store ${digest}: more than the ${sizeBytes} bytes that were announced`,
      );
    }
    this.#digester.update(chunk);
    this.#receivedBytes += chunk.byteLength;
    this.#gathered.push(chunk);
    this.#gatheredBytes += chunk.byteLength;
    if (this.#gatheredBytes >= CHUNK_BYTES) await this.#flush();
  }

  async restart(): Promise<void> {
    this.#gathered = [];
    this.#gatheredBytes = 0;
    await this.#file.truncate(0);
    this.#digester = this.#newDigester();
    this.#receivedBytes = 0;
    this.#writtenBytes = 0;
  }

  async finish(signal: AbortSignal): Promise<BlobInfo> {
    await this.#flush();
    const { digest, sizeBytes } = this.#options;
    const isShort = this.#receivedBytes !== sizeBytes;
    const actual = this.#digester.finish();
    if (isShort || actual !== digest) {
      const cameBytes = this.#receivedBytes;
      await this.restart();
      throw new InvalidArgumentError(
        isShort
          ? `Cannot store ${digest}: ${cameBytes} bytes came, ${sizeBytes} were announced`
          : `Cannot store blob: its digest is ${actual}, expected ${digest}`,
      );
    }
    await this.#file.sync();
    signal.throwIfAborted();
    await this.#options.publish();
    return { digest, sizeBytes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      // what cannot be written now is fetched again by the next attempt
      await this.#flush().catch(() => undefined);
      const { size } = await this.#file.stat();
      if (size === 0) await rm(this.path, { force: true });
    } finally {
      await this.#file.close();
      this.#options.onClosed();
    }
  }

  async #flush(): Promise<void> {
    const chunks = this.#gathered;
    const wanted = this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (wanted === 0) return;
    await writeAll(this.#file, chunks, wanted);
    this.#writtenBytes += wanted;
  }

  #newDigester(): Digester {
    return new Digester(digestAlgorithm(this.#options.digest));
  }
}
