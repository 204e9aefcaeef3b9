import { STATUS_RESPONSE, type StatusResponse } from "#spec/buildkit/control.ts";
import type { StoredRecord } from "./stored-record.ts";

/** What is kept of one build's progress; what comes after that is left out. */
const KEPT_MAX_BYTES = 16 * 1024 * 1024;
const LENGTH_BYTES = 4;

/** The progress of one build as it goes on, for those who ask when it is over. */
export class ProgressRecorder {
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  readonly #vertices = new Map<string, { readonly isDone: boolean; readonly isCached: boolean }>();
  #warnings = 0;

  take(item: Partial<StatusResponse>): void {
    for (const { digest, completed, isCached } of item.vertices ?? []) {
      this.#vertices.set(digest, { isDone: completed !== undefined, isCached });
    }
    this.#warnings += item.warnings?.length ?? 0;
    const message = STATUS_RESPONSE.encode(item);
    if (this.#bytes + message.byteLength > KEPT_MAX_BYTES) return;
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(message.byteLength);
    this.#chunks.push(length, message);
    this.#bytes += message.byteLength;
  }

  /** @see readProgress */
  get bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }

  get counts(): Pick<StoredRecord, "steps" | "warnings"> {
    const all = [...this.#vertices.values()];
    const steps = {
      total: all.length,
      completed: all.filter(({ isDone }) => isDone).length,
      cached: all.filter(({ isCached }) => isCached).length,
    };
    return { steps, warnings: this.#warnings };
  }
}

/** What a recorder has written, message by message. A part that a crash cut off is left out. */
export function* readProgress(bytes: Uint8Array): Generator<StatusResponse> {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + LENGTH_BYTES <= all.byteLength; ) {
    const end = at + LENGTH_BYTES + all.readUInt32BE(at);
    if (end > all.byteLength) return;
    yield STATUS_RESPONSE.decode(all.subarray(at + LENGTH_BYTES, end));
    at = end;
  }
}
