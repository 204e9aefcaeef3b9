import type { LocalSources, LocalTree, LocalTreeRequest } from "./local-source.ts";

/** The client's folders for one build: each comes once, however many platforms it is for. */
export class SharedLocals implements LocalSources, AsyncDisposable {
  readonly #locals: LocalSources;
  readonly #opened = new Map<string, Promise<LocalTree>>();
  readonly #names = new Set<string>();

  constructor(locals: LocalSources) {
    this.#locals = locals;
  }

  /** Of those that were asked for, by name. */
  get names(): readonly string[] {
    return [...this.#names].toSorted();
  }

  async open(request: LocalTreeRequest, signal: AbortSignal): Promise<LocalTree> {
    this.#names.add(request.name);
    // a part of it is read and given back at once
    if (request.onlyPaths) return await this.#locals.open(request, signal);
    const { name, ignored } = request;
    const key = JSON.stringify([name, ignored]);
    let opened = this.#opened.get(key);
    if (!opened) {
      opened = this.#locals.open(request, signal);
      opened.catch(() => undefined); // told to whoever asked
      this.#opened.set(key, opened);
    }
    const { path, identity, ignored: left } = await opened;
    return {
      path,
      ignored: left,
      ...(identity === undefined ? {} : { identity }),
      // it stays for the others, until the build ends
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened.values()) {
      const tree = await opened.catch(() => undefined);
      await tree?.[Symbol.asyncDispose]();
    }
  }
}
