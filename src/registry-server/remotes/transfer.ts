import type { StoredBlob } from "#registry-server/metadata/blobs.ts";

/** What a reader that lags may have waiting for it; beyond it the reader waits for the stored blob. */
const WAITING_MAX_BYTES = 4 * 1024 * 1024;

interface Reader {
  readonly waiting: Uint8Array[];
  waitingBytes: number;
  /** It has missed a piece: the rest comes from the stored blob. */
  isBehind: boolean;
  wake: () => void;
}

/**
 * A blob on its way here, which clients read meanwhile. Storing never waits for a reader: one that lags, or came late,
 * gets the rest when it is stored. The last byte is given out after the digest was found right, so that what was
 * wrong never looks whole.
 */
export class Transfer {
  readonly sizeBytes: number;
  readonly #readers = new Set<Reader>();
  readonly #stored = Promise.withResolvers<StoredBlob>();
  #passedBytes = 0;
  #isOver = false;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
    this.#stored.promise.catch(() => undefined); // thrown where it is read
  }

  /** Passes `source` on to whoever stores it, and shows it to readers. */
  async *passing(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      this.#passedBytes += piece.byteLength;
      const overBytes = this.#passedBytes - (this.sizeBytes - 1);
      const shown =
        overBytes > 0 ? piece.subarray(0, Math.max(0, piece.byteLength - overBytes)) : piece;
      if (shown.byteLength > 0) this.#show(shown);
      yield piece;
    }
  }

  /** Ends it: with the blob, or with why there is none. */
  settle(outcome: Promise<StoredBlob>): void {
    this.#stored.resolve(outcome);
    const end = (): void => {
      this.#isOver = true;
      for (const reader of this.#readers) reader.wake();
    };
    outcome.then(end, end);
  }

  /**
   * The blob from its first byte on.
   *
   * @param readStored Reads the stored blob behind so many bytes.
   * @throws What kept it from being stored.
   */
  read(
    readStored: (blob: StoredBlob, offsetBytes: number) => AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    const isLate = this.#passedBytes > 0;
    const reader: Reader = {
      waiting: [],
      waitingBytes: 0,
      isBehind: isLate,
      wake: () => undefined,
    };
    if (!isLate) this.#readers.add(reader);
    return this.#read(reader, readStored);
  }

  async *#read(
    reader: Reader,
    readStored: (blob: StoredBlob, offsetBytes: number) => AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    let offsetBytes = 0;
    try {
      for (;;) {
        const piece = reader.waiting.shift();
        if (piece) {
          reader.waitingBytes -= piece.byteLength;
          offsetBytes += piece.byteLength;
          yield piece;
        } else if (reader.isBehind || this.#isOver) break;
        else await new Promise<void>((resolve) => (reader.wake = resolve));
      }
      const blob = await this.#stored.promise;
      if (offsetBytes < blob.sizeBytes) yield* readStored(blob, offsetBytes);
    } finally {
      this.#readers.delete(reader);
    }
  }

  #show(piece: Uint8Array): void {
    for (const reader of this.#readers) {
      if (reader.isBehind) continue;
      if (reader.waitingBytes + piece.byteLength > WAITING_MAX_BYTES) reader.isBehind = true;
      else {
        reader.waiting.push(piece);
        reader.waitingBytes += piece.byteLength;
      }
      reader.wake();
    }
  }
}
