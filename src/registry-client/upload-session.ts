import { FailedPreconditionError } from "#base/errors.ts";
import type { Digest } from "#spec/digest.ts";
import { RegistryAnswerError } from "./errors.ts";
import { type HttpAnswer, requestTitle } from "./http/send.ts";
import { UnreachableError } from "./http/url-errors.ts";
import { backOffMs, mayHeal } from "./retry.ts";
import type { RegistrySession, SessionRequest } from "./session.ts";

/** A blob that is to be sent, which can be read from any byte on, as often as needed. */
export interface BlobSource {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** From `offset` up to but not including `end`. */
  readonly read: (offset: number, end: number) => AsyncIterable<Uint8Array>;
}

/** Where a blob goes to. */
export interface UploadTarget {
  readonly session: RegistrySession;
  readonly path: string;
  /** Allows to push. */
  readonly scope: string;
}

export interface UploadRequest {
  readonly blob: BlobSource;
  /** Repositories of the same registry that may have the blob. */
  readonly from: readonly string[];
  readonly onProgress: (sentBytes: number) => void;
}

/** Up to here a blob goes in one request. */
const MONOLITHIC_MAX_BYTES = 1024 * 1024;
/** Where something before the registry takes no large requests. */
const SMALL_CHUNK_BYTES = 16 * 1024 * 1024;
/** Who gave up does not wait long for the registry to hear of it. */
const CALL_OFF_TIMEOUT_MS = 2000;
/** Codes of an upload whose bytes are not those that were sent. */
const SPOILT_CODES = ["DIGEST_INVALID", "SIZE_INVALID", "BLOB_UPLOAD_INVALID"];

/** The registry knows nothing of the upload any more (it was restarted, or has tidied up), or cannot tell. */
export function isLostUpload(error: unknown): boolean {
  return error instanceof RegistryAnswerError && (error.status === 404 || error.status === 405);
}

/** What has come there is something else: another upload may be luckier. */
export function isSpoiltUpload(error: unknown): boolean {
  return (
    error instanceof RegistryAnswerError &&
    (error.status === 416 || error.codes.some((code) => SPOILT_CODES.includes(code)))
  );
}

/** Where an answer says that the upload is. @throws {FailedPreconditionError} It does not. */
export function locationOf(answer: HttpAnswer): URL {
  const text = answer.header("location");
  const location = text === undefined ? undefined : URL.parse(text, answer.request.url.href);
  if (!location || (location.protocol !== "https:" && location.protocol !== "http:")) {
    throw new FailedPreconditionError(
      `${requestTitle(answer.request)}: the registry does not say where to send the blob`,
    );
  }
  return location;
}

function isTooLarge(error: unknown): boolean {
  return error instanceof RegistryAnswerError && error.status === 413;
}

function isOutOfOrder(error: unknown): boolean {
  return error instanceof RegistryAnswerError && error.status === 416;
}

/** One upload at the registry, from its beginning to its blob. */
export class UploadSession {
  readonly #target: UploadTarget;
  readonly #request: UploadRequest;
  #location: URL;
  #sentBytes = 0;
  #chunkBytes = Number.MAX_SAFE_INTEGER;
  /** In a row, without that anything more had come. */
  #failures = 0;

  /** @param location That the registry gave when the upload began. */
  constructor(target: UploadTarget, request: UploadRequest, location: URL) {
    this.#target = target;
    this.#request = request;
    this.#location = location;
  }

  /**
   * Sends what is left until the registry has the blob.
   *
   * @throws {RegistryAnswerError} Refused, or the upload is lost. {UnreachableError} Too many failures in a row.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { blob } = this.#request;
    for (;;) {
      const isMonolithic = this.#sentBytes === 0 && blob.sizeBytes <= MONOLITHIC_MAX_BYTES;
      const isLast = isMonolithic || this.#sentBytes === blob.sizeBytes;
      const start = this.#sentBytes;
      try {
        if (!isLast) {
          await this.#sendChunk(signal);
          continue;
        }
        await this.#finish(signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        // a last request that was repeated where its answer was lost finds no upload any more
        if (isLast && isLostUpload(error) && (await this.#isThere(signal))) return;
        await this.#prepareForMore(error, signal);
        if (isLast && (await this.#isThere(signal))) return;
        this.#sentBytes = await this.#receivedBytes(error, signal);
        if (this.#sentBytes > start) this.#failures = 0;
        this.#request.onProgress(this.#sentBytes);
      }
    }
  }

  /**
   * Tells the registry that nobody goes on with the upload. It finds out by itself as well, later: that it does not
   * hear of it, or keeps to its own way, is no failure.
   *
   * @param error Why it is given up.
   */
  async callOff(error: unknown): Promise<void> {
    if (error instanceof UnreachableError) return;
    const signal = AbortSignal.timeout(CALL_OFF_TIMEOUT_MS);
    try {
      const answer = await this.#ask("DELETE", [200, 202, 204], signal);
      await answer.discard();
    } catch {
      // see above
    }
  }

  /** Waits, or takes smaller steps. @throws The error, where another try is in vain. */
  async #prepareForMore(error: unknown, signal: AbortSignal): Promise<void> {
    const { session } = this.#target;
    const { retry } = session;
    const chunkBytes = Math.min(this.#chunkBytes, this.#request.blob.sizeBytes - this.#sentBytes);
    if (isTooLarge(error) && chunkBytes > SMALL_CHUNK_BYTES) {
      this.#chunkBytes = SMALL_CHUNK_BYTES;
      return;
    }
    const mayGoOn = mayHeal(error) || isOutOfOrder(error);
    if (!mayGoOn || ++this.#failures >= retry.attempts) throw error;
    await retry.sleep(backOffMs(retry, this.#failures, error), signal);
  }

  async #sendChunk(signal: AbortSignal): Promise<void> {
    const { blob } = this.#request;
    const start = this.#sentBytes;
    const end = Math.min(blob.sizeBytes, start + this.#chunkBytes);
    const isWhole = start === 0 && end === blob.sizeBytes;
    const answer = await this.#target.session.request(
      {
        method: "PATCH",
        target: this.#location,
        headers: {
          "Content-Type": "application/octet-stream",
          // a first chunk that is all there is is sent as Docker does, without a range
          ...(isWhole ? {} : { "Content-Range": `${start}-${end - 1}` }),
        },
        body: { open: () => this.#counted(start, end), sizeBytes: end - start },
        scopes: [this.#target.scope],
        accepts: [202, 204],
        isOnce: true,
      },
      signal,
    );
    await answer.discard();
    this.#location = locationOf(answer);
    this.#sentBytes = end;
  }

  /** Asks how much of the upload has come, which need not be what was sent. */
  async #receivedBytes(cause: unknown, signal: AbortSignal): Promise<number> {
    const answer = await this.#ask("GET", [204, 202], signal);
    await answer.discard();
    if (answer.header("location") !== undefined) this.#location = locationOf(answer);
    const range = /^(?:bytes=)?0-(\d+)$/.exec(answer.header("range") ?? "")?.[1];
    const received = range === undefined || range === "0" ? 0 : Number(range) + 1;
    if (received > this.#request.blob.sizeBytes) throw cause;
    return received;
  }

  async #isThere(signal: AbortSignal): Promise<boolean> {
    const { path, scope, session } = this.#target;
    const target = `v2/${path}/blobs/${this.#request.blob.digest}`;
    const request: SessionRequest = {
      method: "HEAD",
      target,
      scopes: [scope],
      accepts: [200, 404],
    };
    const answer = await session.request(request, signal);
    await answer.discard();
    return answer.status === 200;
  }

  async #ask(
    method: "GET" | "DELETE",
    accepts: readonly number[],
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const request: SessionRequest = {
      method,
      target: this.#location,
      scopes: [this.#target.scope],
      accepts,
      isOnce: method === "DELETE",
    };
    return await this.#target.session.request(request, signal);
  }

  async #finish(signal: AbortSignal): Promise<void> {
    const { blob } = this.#request;
    const url = new URL(this.#location);
    url.searchParams.set("digest", blob.digest);
    const start = this.#sentBytes;
    const rest = blob.sizeBytes - start;
    const answer = await this.#target.session.request(
      {
        method: "PUT",
        target: url,
        headers: rest > 0 ? { "Content-Type": "application/octet-stream" } : {},
        ...(rest > 0
          ? { body: { open: () => this.#counted(start, blob.sizeBytes), sizeBytes: rest } }
          : {}),
        scopes: [this.#target.scope],
        accepts: [201, 204],
        isOnce: true,
      },
      signal,
    );
    await answer.discard();
  }

  async *#counted(start: number, end: number): AsyncIterable<Uint8Array> {
    let sent = start;
    for await (const chunk of this.#request.blob.read(start, end)) {
      yield chunk;
      sent += chunk.byteLength;
      this.#request.onProgress(sent);
    }
  }
}
