import { concatBytes } from "#base/bytes.ts";
import { CancelledError, InternalError, UnavailableError } from "#base/errors.ts";
import { closeOnAbort } from "./close-on-abort.ts";
import type { Connection } from "./connection.ts";
import { type BodyFraming, type HttpHead, bodyFraming, readBody } from "./http1.ts";

/** The stream that a caller gave as the body has failed; `cause` is what it threw. */
export class SourceError extends InternalError {}

interface ResponseLife {
  readonly signal?: AbortSignal | undefined;
  readonly sending?: Promise<SourceError | undefined>;
  /** Gives the connection back; called when the body has been read to its end. */
  readonly release: () => void;
}

/** An answer whose body has not been read. Read it once, by one of the methods. */
export class EngineResponse {
  readonly status: number;
  readonly #connection: Connection;
  readonly #head: HttpHead;
  readonly #framing: BodyFraming;
  readonly #life: ResponseLife;

  constructor(connection: Connection, method: string, head: HttpHead, life: ResponseLife) {
    this.status = head.status;
    this.#connection = connection;
    this.#head = head;
    this.#framing = bodyFraming(method, head);
    this.#life = life;
  }

  header(name: string): string | undefined {
    return this.#head.headers.get(name.toLowerCase());
  }

  /** The body as it comes, with back-pressure. Leaving the loop early closes the connection. */
  async *body(): AsyncGenerator<Uint8Array> {
    const { signal, sending, release } = this.#life;
    using abort = closeOnAbort(this.#connection, signal);
    let isWhole = false;
    try {
      yield* readBody(this.#connection, this.#framing);
      if (abort.happened()) throw new CancelledError("request cancelled");
      isWhole = true;
    } catch (error) {
      if (abort.happened()) throw new CancelledError("request cancelled", { cause: error });
      this.#connection.close();
      throw (await sending)?.cause ?? error;
    } finally {
      // A body still being sent after the answer has ended will not be read: the engine gave up.
      const isSent =
        isWhole && (await Promise.race([sending, Promise.resolve("unsent")])) === undefined;
      if (isSent) release();
      else this.#connection.close();
    }
  }

  async bytes(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.body()) chunks.push(chunk);
    const [only] = chunks;
    return chunks.length === 1 && only ? only : concatBytes(chunks);
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  async json<Answer>(): Promise<Answer> {
    const text = await this.text();
    try {
      return JSON.parse(text) as Answer; // the engine's schema, named by the caller
    } catch (error) {
      const start = JSON.stringify(text.slice(0, 80));
      throw new UnavailableError(`malformed JSON in the answer: ${start}`, { cause: error });
    }
  }

  async discard(): Promise<void> {
    for await (const _chunk of this.body()) {
      // only its end matters: the connection can serve again
    }
  }
}
