import { Semaphore } from "#base/async.ts";
import { CancelledError, FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import { ByteSource } from "#base/tar/byte-source.ts";
import type { HijackedStream } from "#api/hijack.ts";
import type { BlobsSource } from "#images/images.ts";
import type { BlobRequest, OpenBlob } from "#registry-client/repository.ts";
import type { Digest } from "#spec/digest.ts";
import { encodeReceiverMessage, readSenderMessage } from "#spec/engine-api/image-transfer.ts";

const PIECE_BYTES = 1024 * 1024;

/** The blobs of who offers an image over a connection that was taken over: one at a time. */
export class OfferedBlobs implements BlobsSource {
  readonly #stream: HijackedStream;
  readonly #input: ByteSource;
  readonly #turns = new Semaphore(1);

  constructor(stream: HijackedStream) {
    this.#stream = stream;
    this.#input = new ByteSource(stream.input());
  }

  async openBlob({ digest, offset }: BlobRequest, signal: AbortSignal): Promise<OpenBlob> {
    const turn = await this.#turns.acquire(signal);
    try {
      const sizeBytes = await this.#ask(digest, offset);
      const stream = this.#body(Math.max(0, sizeBytes - offset), turn);
      return { offset, sizeBytes, stream, close: () => void this.#skip(stream) };
    } catch (error) {
      turn[Symbol.dispose]();
      throw error;
    }
  }

  async readBlob(digest: Digest, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const { stream, sizeBytes = 0 } = await this.openBlob({ digest, offset: 0 }, signal);
    if (sizeBytes > maxBytes) {
      throw new InvalidArgumentError(`Cannot read blob ${digest}: it has ${sizeBytes} bytes`);
    }
    return Buffer.concat(await Array.fromAsync(stream));
  }

  async #ask(digest: Digest, offset: number): Promise<number> {
    await this.#stream.write(encodeReceiverMessage({ kind: "want", digest, offset }));
    const answer = await readSenderMessage(this.#input);
    if (!answer) throw new CancelledError("The sender of the image hung up");
    if (answer.kind === "error") {
      throw new FailedPreconditionError(`Cannot receive blob ${digest}: ${answer.message}`);
    }
    return answer.sizeBytes;
  }

  /** Reads past what nobody wants: a generator that never began would not. */
  async #skip(stream: AsyncIterator<Uint8Array>): Promise<void> {
    try {
      while (!(await stream.next()).done);
    } catch {
      // the next blob that is asked for meets the same end
    }
  }

  async *#body(sizeBytes: number, turn: Disposable): AsyncGenerator<Uint8Array> {
    let leftBytes = sizeBytes;
    const next = async (): Promise<Uint8Array> => {
      const chunk = await this.#input.some(Math.min(leftBytes, PIECE_BYTES));
      if (!chunk) throw new CancelledError("The sender of the image hung up");
      leftBytes -= chunk.byteLength;
      return chunk;
    };
    try {
      while (leftBytes > 0) yield await next();
    } finally {
      // given up on the way: what is left lies before the next answer
      while (leftBytes > 0) await next();
      turn[Symbol.dispose]();
    }
  }
}
