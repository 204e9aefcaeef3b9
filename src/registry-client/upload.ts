import { FailedPreconditionError } from "#base/errors.ts";
import type { Digest } from "#spec/digest.ts";
import { RegistryAnswerError } from "./errors.ts";
import { type HttpAnswer, requestTitle } from "./http/send.ts";
import { backOffMs, mayHeal } from "./retry.ts";
import type { RegistrySession } from "./session.ts";

/** A blob that is to be sent, which can be read from any byte on, as often as needed. */
export interface BlobSource {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** From `offset` up to but not including `end`. */
  readonly read: (offset: number, end: number) => AsyncIterable<Uint8Array>;
}

export type UploadOutcome =
  | { readonly kind: "sent" }
  /** From another repository of the registry. */
  | { readonly kind: "mounted"; readonly from: string };

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

/** Of more the registry asks for a token that names the repository; and most know none of them. */
const MOUNTS_TRIED = 4;
/** Up to here a blob goes in one request. */
const MONOLITHIC_MAX_BYTES = 1024 * 1024;
/** Where something before the registry takes no large requests. */
const SMALL_CHUNK_BYTES = 16 * 1024 * 1024;

/**
 * Sends a blob: small ones in one `PUT`, larger ones by one `PATCH`, in smaller chunks where a server says that
 * it is too large. One that breaks off is gone on with where the registry says that it ended.
 *
 * @see distribution-spec, "Pushing blobs".
 */
export async function uploadBlob(
  target: UploadTarget,
  request: UploadRequest,
  signal: AbortSignal,
): Promise<UploadOutcome> {
  const { blob, from } = request;
  let location: URL | undefined;
  for (const repository of from.slice(0, MOUNTS_TRIED)) {
    const answer = await startUpload(target, { mount: blob.digest, from: repository }, signal);
    if (answer.status === 201) return { kind: "mounted", from: repository };
    location = locationOf(answer);
    break; // an upload has begun instead: nothing is gained by beginning more of them
  }
  location ??= locationOf(await startUpload(target, {}, signal));
  const upload = new Upload(target, request, location);
  await upload.run(signal);
  return { kind: "sent" };
}

async function startUpload(
  { session, path, scope }: UploadTarget,
  mount: { readonly mount?: Digest; readonly from?: string },
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const query = new URLSearchParams(mount as Readonly<Record<string, string>>).toString();
  const answer = await session.request(
    {
      method: "POST",
      target: `v2/${path}/blobs/uploads/${query === "" ? "" : `?${query}`}`,
      // a mount needs to read there as well
      scopes: mount.from === undefined ? [scope] : [scope, `repository:${mount.from}:pull`],
      accepts: mount.mount === undefined ? [202] : [201, 202],
    },
    signal,
  );
  await answer.discard();
  return answer;
}

function locationOf(answer: HttpAnswer): URL {
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

class Upload {
  readonly #target: UploadTarget;
  readonly #request: UploadRequest;
  #location: URL;
  #sentBytes = 0;
  #chunkBytes = Number.MAX_SAFE_INTEGER;
  /** In a row, without that anything more had come. */
  #failures = 0;

  constructor(target: UploadTarget, request: UploadRequest, location: URL) {
    this.#target = target;
    this.#request = request;
    this.#location = location;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { blob } = this.#request;
    if (blob.sizeBytes > MONOLITHIC_MAX_BYTES) {
      while (this.#sentBytes < blob.sizeBytes) await this.#sendChunk(signal);
    }
    await this.#finish(signal);
  }

  async #sendChunk(signal: AbortSignal): Promise<void> {
    const { blob } = this.#request;
    const start = this.#sentBytes;
    const end = Math.min(blob.sizeBytes, start + this.#chunkBytes);
    const isWhole = start === 0 && end === blob.sizeBytes;
    try {
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
    } catch (error) {
      signal.throwIfAborted();
      if (isTooLarge(error) && end - start > SMALL_CHUNK_BYTES) {
        this.#chunkBytes = SMALL_CHUNK_BYTES;
      } else {
        const { retry } = this.#target.session;
        if (!mayHeal(error) || ++this.#failures >= retry.attempts) throw error;
        await retry.sleep(backOffMs(retry, this.#failures, error), signal);
      }
      this.#sentBytes = await this.#receivedBytes(error, signal);
      if (this.#sentBytes > start) this.#failures = 0;
      this.#request.onProgress(this.#sentBytes);
    }
  }

  /** Asks how much of the upload has come, which need not be what was sent. */
  async #receivedBytes(cause: unknown, signal: AbortSignal): Promise<number> {
    const answer = await this.#target.session.request(
      {
        method: "GET",
        target: this.#location,
        scopes: [this.#target.scope],
        accepts: [204, 202],
      },
      signal,
    );
    await answer.discard();
    if (answer.header("location") !== undefined) this.#location = locationOf(answer);
    const range = /^(?:bytes=)?0-(\d+)$/.exec(answer.header("range") ?? "")?.[1];
    const received = range === undefined || range === "0" ? 0 : Number(range) + 1;
    if (received > this.#request.blob.sizeBytes) throw cause;
    return received;
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
