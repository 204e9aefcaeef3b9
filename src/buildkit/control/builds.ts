import { abortable } from "#base/async.ts";
import { ConflictError, NotFoundError } from "#base/errors.ts";
import type { RunningBuild } from "./running-build.ts";

/** A client's calls race: those that belong to a build may come before the one that begins it. */
const WAIT_MS = 5_000;
/** … and after the one that ends it: a build that does nothing is over before its progress is asked for. */
const KEPT_MS = 10_000;

/** Builds under way, and those that have just ended, by the names that their clients gave them. */
export class Builds {
  readonly #running = new Map<string, RunningBuild>();
  readonly #ended = new Map<string, RunningBuild>();
  readonly #waiting = new Map<string, Set<(build: RunningBuild) => void>>();

  /** @returns Its end: it is found for some seconds more. @throws {ConflictError} Another has that name. */
  add(build: RunningBuild): Disposable {
    const { ref } = build;
    if (this.#running.has(ref)) throw new ConflictError(`build ${ref} is running already`);
    this.#ended.delete(ref);
    this.#running.set(ref, build);
    for (const tell of this.#waiting.get(ref) ?? []) tell(build);
    return { [Symbol.dispose]: () => this.#end(build) };
  }

  /** @throws {NotFoundError} It has not begun within 5 s. */
  async find(ref: string, signal: AbortSignal): Promise<RunningBuild> {
    const known = this.#running.get(ref) ?? this.#ended.get(ref);
    if (known) return known;
    const { promise, resolve } = Promise.withResolvers<RunningBuild>();
    const waiting = this.#waiting.get(ref) ?? new Set();
    this.#waiting.set(ref, waiting.add(resolve));
    try {
      return await abortable(promise, AbortSignal.any([signal, AbortSignal.timeout(WAIT_MS)]));
    } catch (cause) {
      signal.throwIfAborted();
      throw new NotFoundError(`no such job ${ref}`, { cause });
    } finally {
      waiting.delete(resolve);
      if (waiting.size === 0) this.#waiting.delete(ref);
    }
  }

  #end(build: RunningBuild): void {
    const { ref } = build;
    this.#running.delete(ref);
    this.#ended.set(ref, build);
    const forget = (): void => {
      if (this.#ended.get(ref) === build) this.#ended.delete(ref);
    };
    setTimeout(forget, KEPT_MS).unref();
  }
}
