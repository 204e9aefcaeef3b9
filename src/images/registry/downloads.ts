import { deferred, Semaphore } from "#base/async.ts";
import { CancelledError, InvalidArgumentError } from "#base/errors.ts";
import type { BlobInfo, ContentStore, PartialBlob } from "#content/content.ts";
import { Growth } from "#images/growth.ts";
import type { ArrivingBlob } from "#images/layers.ts";
import { UnreachableError } from "#registry-client/http/url-errors.ts";
import type { BlobRequest, OpenBlob } from "#registry-client/repository.ts";
import { backOffMs, mayHeal, type RetryPolicy } from "#registry-client/retry.ts";
import type { Digest } from "#spec/digest.ts";

export interface DownloadRequest {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly urls?: readonly string[];
  readonly open: (request: BlobRequest, signal: AbortSignal) => Promise<OpenBlob>;
}

export type DownloadStep =
  | { readonly kind: "waiting" }
  | { readonly kind: "downloading"; readonly currentBytes: number }
  | { readonly kind: "retrying"; readonly delayMs: number }
  | { readonly kind: "verifying" }
  | { readonly kind: "complete" };

export interface DownloadsOptions {
  readonly content: ContentStore;
  readonly maxDownloads: number;
  readonly retry: RetryPolicy;
  /** Called when a blob has come that nobody wants any more. */
  readonly onUnwanted: () => void;
}

/** One user's share in a download; disposing it cancels the download when no other has one. */
export interface Download extends ArrivingBlob, Disposable {
  readonly whole: Promise<BlobInfo>;
}

/** Fetches blobs, a few at once, each once however many want it, and goes on where one broke off. */
export class Downloads {
  readonly #options: DownloadsOptions;
  readonly #slots: Semaphore;
  readonly #underWay = new Map<Digest, SharedDownload>();

  constructor(options: DownloadsOptions) {
    this.#options = options;
    this.#slots = new Semaphore(options.maxDownloads);
  }

  /** The caller's lease holds the digest already. */
  start(request: DownloadRequest, onStep: (step: DownloadStep) => void): Download {
    let shared = this.#underWay.get(request.digest);
    if (!shared || shared.isOver) {
      const begun = new SharedDownload(this.#options, this.#slots, request);
      this.#underWay.set(request.digest, begun);
      const forget = (): void => {
        if (this.#underWay.get(request.digest) === begun) this.#underWay.delete(request.digest);
      };
      begun.whole.then(() => {
        forget();
        if (begun.isOver) this.#options.onUnwanted();
      }, forget);
      shared = begun;
    }
    return shared.join(request.open, onStep);
  }
}

class SharedDownload {
  readonly whole: Promise<BlobInfo>;
  readonly #options: DownloadsOptions;
  readonly #slots: Semaphore;
  readonly #request: DownloadRequest;
  readonly #abort = new AbortController();
  /** Who wants the blob, and how each may fetch it. */
  readonly #watchers = new Map<(step: DownloadStep) => void, DownloadRequest["open"]>();
  /** Ways that have failed for good. */
  readonly #spent = new Set<DownloadRequest["open"]>();
  readonly #opened = deferred<string>();
  readonly #growth: Growth;
  #last: DownloadStep | undefined;
  #isSettled = false;

  constructor(options: DownloadsOptions, slots: Semaphore, request: DownloadRequest) {
    this.#options = options;
    this.#slots = slots;
    this.#request = request;
    this.#growth = new Growth(request.sizeBytes);
    this.#opened.promise.catch(() => undefined); // `whole` tells as well
    this.whole = this.#run().finally(() => {
      this.#isSettled = true;
      this.#growth.settle();
    });
    this.whole.catch((error: unknown) => {
      this.#opened.reject(error instanceof Error ? error : new CancelledError(String(error)));
    });
  }

  /** Nobody can join any more: it was cancelled. */
  get isOver(): boolean {
    return this.#abort.signal.aborted;
  }

  join(open: DownloadRequest["open"], onStep: (step: DownloadStep) => void): Download {
    // each has its own, though two may watch by the same function
    const watcher = (step: DownloadStep): void => onStep(step);
    this.#watchers.set(watcher, open);
    if (this.#last) onStep(this.#last);
    return {
      opened: this.#opened.promise,
      grown: () => this.#growth.grown(),
      whole: this.whole,
      [Symbol.dispose]: () => {
        if (!this.#watchers.delete(watcher) || this.#watchers.size > 0 || this.#isSettled) return;
        this.#abort.abort(new CancelledError("the download was cancelled"));
      },
    };
  }

  #tell(step: DownloadStep): void {
    this.#last = step;
    for (const watcher of this.#watchers.keys()) watcher(step);
  }

  async #run(): Promise<BlobInfo> {
    const { content } = this.#options;
    const { digest, sizeBytes } = this.#request;
    const { signal } = this.#abort;
    using _slot = await this.#acquireSlot();
    const existing = content.info(digest);
    if (existing) {
      if (existing.sizeBytes !== sizeBytes) throw wrongSize(digest, sizeBytes, existing.sizeBytes);
      this.#growth.reach(sizeBytes);
      this.#opened.resolve(content.pathOf(digest));
      this.#tell({ kind: "complete" });
      return existing;
    }
    using lease = content.lease();
    await using partial = await content.openPartial({ digest, sizeBytes, lease }, signal);
    this.#growth.reach(partial.writtenBytes);
    this.#opened.resolve(partial.path);
    const info = await this.#fetch(partial);
    this.#growth.reach(sizeBytes);
    this.#tell({ kind: "complete" });
    return info;
  }

  async #acquireSlot(): Promise<Disposable> {
    let hasSlot = false;
    setImmediate(() => {
      if (!hasSlot && !this.#abort.signal.aborted) this.#tell({ kind: "waiting" });
    });
    const slot = await this.#slots.acquire(this.#abort.signal);
    hasSlot = true;
    return slot;
  }

  /** Fetches until the blob is whole and true; a false one is fetched anew once. */
  async #fetch(partial: PartialBlob): Promise<BlobInfo> {
    const { retry } = this.#options;
    const { signal } = this.#abort;
    let isAnew = false;
    let failures = 0;
    for (;;) {
      const before = partial.receivedBytes;
      const open = this.#unspent() ?? this.#request.open;
      try {
        if (partial.receivedBytes < this.#request.sizeBytes) await this.#receive(partial, open);
        this.#tell({ kind: "verifying" });
        return await finished(partial, this.#request.digest, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof InvalidArgumentError && !isAnew) {
          isAnew = true;
          await partial.restart();
          continue;
        }
        if (partial.receivedBytes > before) failures = 0;
        if (!mayHeal(error)) {
          // another who wants it may know a registry, or credentials, of which this one does not
          this.#spent.add(open);
          if (error instanceof InvalidArgumentError || !this.#unspent()) throw error;
          continue;
        }
        if (++failures >= retry.attempts) throw error;
        const delayMs = backOffMs(retry, failures, error);
        this.#tell({ kind: "retrying", delayMs });
        await retry.sleep(delayMs, signal);
      }
    }
  }

  #unspent(): DownloadRequest["open"] | undefined {
    return [...this.#watchers.values()].find((open) => !this.#spent.has(open));
  }

  async #receive(partial: PartialBlob, open: DownloadRequest["open"]): Promise<void> {
    const { digest, sizeBytes, urls } = this.#request;
    const { signal } = this.#abort;
    const blob = await open(
      { digest, offset: partial.receivedBytes, ...(urls ? { urls } : {}) },
      signal,
    );
    let known = partial.receivedBytes - blob.offset;
    if (blob.sizeBytes !== undefined && blob.sizeBytes !== sizeBytes) {
      blob.close();
      throw wrongSize(digest, sizeBytes, blob.sizeBytes);
    }
    for await (const chunk of blob.stream) {
      // a registry that knows no ranges sends once more what is there; the digest tells whether it is the same
      const fresh = chunk.subarray(Math.min(known, chunk.byteLength));
      known -= chunk.byteLength - fresh.byteLength;
      if (fresh.byteLength === 0) continue;
      await partial.append(fresh);
      this.#growth.reach(partial.writtenBytes);
      this.#tell({ kind: "downloading", currentBytes: partial.receivedBytes });
    }
    if (partial.receivedBytes < sizeBytes) {
      throw new UnreachableError(
        `${digest}: unexpected EOF after ${partial.receivedBytes} of ${sizeBytes} bytes`,
      );
    }
  }
}

async function finished(
  partial: PartialBlob,
  digest: Digest,
  signal: AbortSignal,
): Promise<BlobInfo> {
  try {
    return await partial.finish(signal);
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError)) throw cause;
    throw new InvalidArgumentError(
      `filesystem layer verification failed for digest ${digest}: ${cause.message}`,
      { cause },
    );
  }
}

function wrongSize(digest: Digest, wanted: number, told: number): InvalidArgumentError {
  return new InvalidArgumentError(
    `filesystem layer verification failed for digest ${digest}: ` +
      `its manifest says ${wanted} bytes, the registry has ${told}`,
  );
}
