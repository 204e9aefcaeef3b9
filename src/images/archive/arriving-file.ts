import { deferred } from "#base/async.ts";
import { CancelledError, InvalidArgumentError } from "#base/errors.ts";
import type { BlobInfo } from "#content/content.ts";
import { Growth } from "#images/growth.ts";
import type { ArrivingBlob } from "#images/layers.ts";

/** A file of an archive on its way into the content store, whose name says which blob it is. */
export class ArrivingFile implements ArrivingBlob {
  readonly claimed: BlobInfo;
  readonly #growth: Growth;
  readonly #opened = deferred<string>();
  readonly #whole = deferred<BlobInfo>();

  constructor(claimed: BlobInfo) {
    this.claimed = claimed;
    this.#growth = new Growth(claimed.sizeBytes);
    for (const { promise } of [this.#opened, this.#whole]) promise.catch(() => undefined); // nobody may be waiting
  }

  get opened(): Promise<string> {
    return this.#opened.promise;
  }

  get whole(): Promise<BlobInfo> {
    return this.#whole.promise;
  }

  grown(): AsyncIterable<number> {
    return this.#growth.grown();
  }

  reach(path: string, bytes: number): void {
    this.#opened.resolve(path);
    this.#growth.reach(bytes);
  }

  /** @param blob What it is by its bytes. */
  end(blob: BlobInfo): void {
    const { digest } = this.claimed;
    if (blob.digest === digest) this.#whole.resolve(blob);
    else this.fail(new InvalidArgumentError(`The file of blob ${digest} is ${blob.digest}`));
    this.#growth.settle();
  }

  fail(reason: unknown): void {
    const error = reason instanceof Error ? reason : new CancelledError(String(reason));
    this.#whole.reject(error);
    this.#opened.reject(error);
    this.#growth.settle();
  }
}
