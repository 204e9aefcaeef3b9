import { FailedPreconditionError, InternalError } from "#base/errors.ts";
import type { ClientStore, ClientStores } from "#builder/cache/shared/places.ts";
import { ALREADY_EXISTS, NOT_FOUND, StatusError } from "#rpc/status.ts";
import {
  CONTENT_INFO,
  CONTENT_INFO_RESPONSE,
  CONTENT_READ,
  CONTENT_WRITE,
  INFO_REQUEST,
  READ_REQUEST,
  READ_RESPONSE,
  STORE_ID_KEY,
  WRITE_COMMIT,
  WRITE_DATA,
  WRITE_REQUEST,
  WRITE_RESPONSE,
} from "#spec/buildkit/content.ts";
import type { Digest } from "#spec/digest.ts";
import type { ClientSession } from "./client-session.ts";

/** Of one message of a write. */
const CHUNK_BYTES = 1024 * 1024;

/** Folders of blobs that a session offers: caches of `type=local`. */
export function sessionStores(session: ClientSession): ClientStores {
  return (id) => {
    if (!session.offers(CONTENT_READ)) {
      throw new FailedPreconditionError(`Cannot open store ${id}: the client offers none`);
    }
    return new SessionStore(session, id);
  };
}

class SessionStore implements ClientStore {
  readonly #session: ClientSession;
  readonly #metadata: Readonly<Record<string, string>>;

  constructor(session: ClientSession, id: string) {
    this.#session = session;
    this.#metadata = { [STORE_ID_KEY]: id };
  }

  async size(digest: Digest, signal: AbortSignal): Promise<number | undefined> {
    await using stream = await this.#open(CONTENT_INFO, signal);
    await stream.send(INFO_REQUEST.encode({ digest }));
    stream.end();
    try {
      let sizeBytes: number | undefined;
      for await (const message of stream.messages) {
        sizeBytes = CONTENT_INFO_RESPONSE.decode(message).info?.sizeBytes;
      }
      return sizeBytes;
    } catch (error) {
      if (error instanceof StatusError && error.status.code === NOT_FOUND) return undefined;
      throw error;
    }
  }

  async *read(digest: Digest, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    await using stream = await this.#open(CONTENT_READ, signal);
    await stream.send(READ_REQUEST.encode({ digest }));
    stream.end();
    for await (const message of stream.messages) yield READ_RESPONSE.decode(message).data;
  }

  async write(
    { digest, sizeBytes }: { readonly digest: Digest; readonly sizeBytes: number },
    bytes: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    await using stream = await this.#open(CONTENT_WRITE, signal);
    const about = { ref: `wharf-cache-${digest}`, total: sizeBytes, expected: digest };
    const send = async (part: {
      readonly action: number;
      readonly offset: number;
      readonly data?: Uint8Array;
    }): Promise<void> => {
      await stream.send(WRITE_REQUEST.encode({ ...about, ...part }));
      const { done, value } = await stream.messages.next();
      if (done) throw new InternalError(`The client ended its write of ${digest}`);
      WRITE_RESPONSE.decode(value);
    };
    try {
      let offset = 0;
      for await (const chunk of bytes) {
        for (let at = 0; at < chunk.byteLength; at += CHUNK_BYTES) {
          const data = chunk.subarray(at, at + CHUNK_BYTES);
          await send({ action: WRITE_DATA, offset, data });
          offset += data.byteLength;
        }
      }
      await send({ action: WRITE_COMMIT, offset });
      stream.end();
    } catch (error) {
      // another build of the client has brought it meanwhile
      if (error instanceof StatusError && error.status.code === ALREADY_EXISTS) return;
      throw error;
    }
  }

  #open(method: string, signal: AbortSignal): ReturnType<ClientSession["client"]["open"]> {
    const either = AbortSignal.any([signal, this.#session.signal]);
    return this.#session.client.open(method, this.#metadata, either);
  }
}
