import { abortable, deferred } from "#base/async.ts";
import { CancelledError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { SeenFolder } from "#builder/doors/seen-folder.ts";
import { RpcClient } from "#rpc/client.ts";
import type { ByteConnection } from "#rpc/http2/byte-connection.ts";

/** What a client says of its session in the headers of `POST /session`. */
export interface SessionHead {
  readonly id: string;
  /** The same for the same folders of the same client, so that what they sent once is known. */
  readonly sharedKey: string;
  /** Full names of the methods that it serves, in lower case. */
  readonly methods: readonly string[];
  /** Folders that our own client, on this host, lets the engine read in place, by name. */
  readonly folders: ReadonlyMap<string, SeenFolder>;
}

/** A client's session: services that the client serves on a connection which it opened. */
export interface ClientSession {
  readonly head: SessionHead;
  readonly client: RpcClient;
  offers(method: string): boolean;
  /** Aborts when the connection ends. */
  readonly signal: AbortSignal;
}

/** The session's connection may come after the build that names it. */
const WAIT_MS = 5_000;
const HEAD_MAX = 256;

/** Sessions that are open now. */
export class Sessions {
  readonly #open = new Map<string, ClientSession>();
  readonly #waiting = new Map<string, Set<(session: ClientSession) => void>>();

  /**
   * Holds a session until its connection ends.
   *
   * @throws {InvalidArgumentError} An id that is none, or that another session has.
   */
  async serve(head: SessionHead, connection: ByteConnection, signal: AbortSignal): Promise<void> {
    const { id } = head;
    if (id === "" || id.length > HEAD_MAX || head.sharedKey.length > HEAD_MAX) {
      throw new InvalidArgumentError(`Cannot open a session: ${JSON.stringify(id)} is no id`);
    }
    if (this.#open.has(id)) throw new InvalidArgumentError(`session ${id} is open already`);
    const ended = new AbortController();
    const onAbort = (): void => connection.close();
    signal.addEventListener("abort", onAbort, { once: true });
    await using client = new RpcClient(connection);
    const session: ClientSession = {
      head,
      client,
      offers: (method) => head.methods.includes(method.toLowerCase()),
      signal: ended.signal,
    };
    this.#open.set(id, session);
    for (const tell of this.#waiting.get(id) ?? []) tell(session);
    try {
      await client.closed;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#open.delete(id);
      ended.abort(new CancelledError("The client's session has ended"));
    }
  }

  /** @throws {NotFoundError} It has not come within 5 s. */
  async find(id: string, signal: AbortSignal): Promise<ClientSession> {
    const open = this.#open.get(id);
    if (open) return open;
    const { promise, resolve } = deferred<ClientSession>();
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting.add(resolve));
    const timeout = AbortSignal.timeout(WAIT_MS);
    try {
      return await abortable(promise, AbortSignal.any([signal, timeout]));
    } catch (error) {
      signal.throwIfAborted();
      throw new NotFoundError(`no active session for ${id}: context deadline exceeded`, {
        cause: error,
      });
    } finally {
      waiting.delete(resolve);
      if (waiting.size === 0) this.#waiting.delete(id);
    }
  }
}
