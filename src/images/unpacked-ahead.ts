import { abortable } from "#base/async.ts";
import { CancelledError } from "#base/errors.ts";
import type { DiffId } from "#spec/digest.ts";
import type { UnpackResult } from "./unpack/protocol.ts";

/** A layer's files in an active snapshot of this key. */
export interface Extraction {
  readonly key: string;
  readonly result: UnpackResult;
}

export interface UnpackedAheadOptions {
  readonly extract: (signal: AbortSignal) => Promise<Extraction>;
  readonly remove: (key: string) => Promise<void>;
}

/**
 * What may be a layer, unpacked from when its first bytes came: the documents that say whose layer it is stand at the
 * end of an archive. Disposing it removes what nobody has taken.
 */
export class UnpackedAhead implements AsyncDisposable {
  readonly #remove: UnpackedAheadOptions["remove"];
  readonly #abort = new AbortController();
  /** Undefined where it could not be unpacked: whoever wants the layer tries again, and is told why. */
  readonly #extraction: Promise<Extraction | undefined>;
  #isTaken = false;

  constructor({ extract, remove }: UnpackedAheadOptions) {
    this.#remove = remove;
    this.#extraction = extract(this.#abort.signal).catch(() => undefined);
  }

  /**
   * Waits until it is unpacked; the snapshot is the caller's from then on.
   *
   * @returns Undefined where it is no such layer, or another has taken it.
   */
  async take(diffId: DiffId, signal: AbortSignal): Promise<Extraction | undefined> {
    const extraction = await abortable(this.#extraction, signal);
    if (this.#isTaken || extraction?.result.diffId !== diffId) return undefined;
    this.#isTaken = true;
    return extraction;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort(new CancelledError("nobody wanted the layer"));
    const extraction = await this.#extraction;
    if (extraction && !this.#isTaken) await this.#remove(extraction.key);
  }
}
