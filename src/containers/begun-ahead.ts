import { CancelledError } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { Background } from "./background.ts";

const OVER = "Nobody asked for it any more";
/** A client that wants both asks for the start within 2 ms of the answer, within 20 on a busy machine. */
const PATIENCE_MS = 200;

export interface AheadParts {
  readonly background: Background;
  readonly clock: Pick<Clock, "delay">;
}

/** Work that goes on when `given` does. @param signal An abort ends it. */
export type Begin<Given, Made> = (given: Promise<Given>, signal: AbortSignal) => Promise<Made>;

/** Work that waits for what only whoever asks for it knows. It is to go on, or to be given up. */
export class BegunWork<Given, Made> {
  readonly #given = Promise.withResolvers<Given>();
  readonly #abort = new AbortController();
  readonly #made: Promise<Made>;
  #isGivenUp = false;

  constructor(begin: Begin<Given, Made>) {
    this.#given.promise.catch(() => undefined); // given up before the work asked for it
    this.#made = begin(this.#given.promise, this.#abort.signal);
    this.#made.catch(() => undefined); // told to whoever lets it go on
  }

  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** @throws What the work throws. */
  async goOn(given: Given, signal: AbortSignal): Promise<Made> {
    const onAbort = (): void => this.#abort.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    this.#given.resolve(given);
    try {
      return await this.#made;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Resolves when nothing of it is left. */
  async giveUp(reason: string): Promise<void> {
    this.#isGivenUp = true;
    this.#given.reject(new CancelledError(reason));
    await this.#made.catch(() => undefined);
  }
}

/**
 * Begins work behind the answer to one request that another request is about to ask for: a supervisor needs 3 to
 * 4 ms until it can start the runtime, as long as a client needs to ask. Where nobody asks soon, it is given up.
 */
export class BegunAhead<Id extends string, Given, Made> implements AsyncDisposable {
  readonly #parts: AheadParts;
  readonly #mostWaiting: number;
  /** Undefined as long as the answer before is being written. */
  readonly #waiting = new Map<Id, BegunWork<Given, Made> | undefined>();

  /** @param mostWaiting Who asks for none of what is begun has no more of it waiting. */
  constructor(parts: AheadParts, mostWaiting: number) {
    this.#parts = parts;
    this.#mostWaiting = mostWaiting;
  }

  /** @param what What fails when `begin` throws: "Cannot prepare exec abc". */
  expect(id: Id, what: string, begin: Begin<Given, Made>): void {
    const { background } = this.#parts;
    if (this.#waiting.size >= this.#mostWaiting || background.signal.aborted) return;
    this.#waiting.set(id, undefined);
    void background.run(what, async () => {
      if (!this.#waiting.has(id)) return; // the request has come
      const work = new BegunWork(begin);
      this.#waiting.set(id, work);
      void this.#giveUpUnlessTaken(id, work);
    });
  }

  /** Whether there is any, or is about to be. */
  has(id: Id): boolean {
    return this.#waiting.has(id);
  }

  /** What has begun is the caller's from now on; undefined where nothing has, and nothing will. */
  async take(id: Id): Promise<BegunWork<Given, Made> | undefined> {
    const work = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (!work?.isGivenUp) return work;
    await work.giveUp(OVER);
    return undefined;
  }

  /** Gives up all that waits; resolves when nothing of it is left. The engine is ending: no more is begun. */
  async [Symbol.asyncDispose](): Promise<void> {
    const begun = [...this.#waiting.values()].filter((work) => work !== undefined);
    await Promise.all(begun.map((work) => work.giveUp(OVER)));
  }

  async #giveUpUnlessTaken(id: Id, work: BegunWork<Given, Made>): Promise<void> {
    const { background, clock } = this.#parts;
    await clock.delay(PATIENCE_MS, background.signal).catch(() => undefined); // the engine ends
    if (this.#waiting.get(id) !== work) return;
    await work.giveUp(OVER);
    if (this.#waiting.get(id) === work) this.#waiting.delete(id);
  }
}
