import { randomUUID } from "node:crypto";
import { CancelledError, InvalidArgumentError } from "#base/errors.ts";
import type { Solved } from "#builder/builder.ts";
import type { ReturnRequest } from "#spec/buildkit/gateway.ts";
import type { CacheOptionsEntry } from "#spec/buildkit/shared.ts";
import { BuildContainers } from "#buildkit/exec/containers.ts";
import type { ClientSession } from "#buildkit/session/client-session.ts";
import type { OpenRecord } from "#buildkit/history/build-history.ts";
import { BuildProgress } from "./progress.ts";

/** A build between `Control.Solve` and its answer, which other calls of its client belong to. */
export class RunningBuild implements AsyncDisposable {
  readonly ref: string;
  readonly session: ClientSession | undefined;
  readonly entitlements: readonly string[];
  readonly cacheImports: readonly CacheOptionsEntry[];
  /** The context, where the client sent it elsewhere than in its session. */
  readonly upload: AsyncIterable<Uint8Array> | undefined;
  readonly progress: BuildProgress;
  /** Undefined where nothing of it is kept. */
  readonly record: OpenRecord | undefined;
  /** Aborts when the build ends, also when its client gives it up. */
  readonly signal: AbortSignal;
  /** Where its client looks at a step that failed. */
  readonly containers: BuildContainers = new BuildContainers();
  readonly #results = new Map<string, Solved>();
  readonly #failures = new Map<string, Error>();
  /** What goes on behind the answers to its calls. */
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #returned = Promise.withResolvers<ReturnRequest>();
  readonly #ending = new AbortController();

  constructor(options: {
    readonly ref: string;
    readonly session: ClientSession | undefined;
    readonly entitlements: readonly string[];
    readonly cacheImports: readonly CacheOptionsEntry[];
    readonly record?: OpenRecord | undefined;
    readonly signal: AbortSignal;
    readonly upload?: AsyncIterable<Uint8Array>;
  }) {
    const { record } = options;
    this.record = record;
    this.progress = new BuildProgress(record && ((item) => record.take(item)));
    this.ref = options.ref;
    this.session = options.session;
    this.entitlements = options.entitlements;
    this.cacheImports = options.cacheImports;
    this.upload = options.upload;
    this.signal = AbortSignal.any([
      options.signal,
      this.#ending.signal,
      ...(options.session ? [options.session.signal] : []),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new CancelledError("The build has ended"));
    this.progress.end();
    await this.containers[Symbol.asyncDispose]();
    await Promise.allSettled(this.#underWay);
    const results = [...this.#results.values()];
    this.#results.clear();
    for (const result of results) await result[Symbol.asyncDispose]();
  }

  /** The build is not over before that is. */
  addWork(work: Promise<unknown>): void {
    this.#underWay.add(work);
    const remove = (): void => void this.#underWay.delete(work);
    work.then(remove, remove);
  }

  /** Keeps a result until the build ends. @returns Its name. */
  async addResult(solved: Solved): Promise<string> {
    if (this.signal.aborted) {
      await solved[Symbol.asyncDispose]();
      this.signal.throwIfAborted();
    }
    const id = randomUUID();
    this.#results.set(id, solved);
    return id;
  }

  /** Keeps a failure as a result that cannot be had. @returns Its name. */
  addFailure(error: Error): string {
    const id = randomUUID();
    this.#failures.set(id, error);
    return id;
  }

  /** @throws {InvalidArgumentError} There is none of that name. What stands in its place. */
  result(id: string): Solved {
    const found = this.#results.get(id);
    if (found) return found;
    const failure = this.#failures.get(id);
    if (failure) throw failure;
    throw new InvalidArgumentError(`no such ref: ${JSON.stringify(id)}`);
  }

  /** The client says what came of the build that it drove. */
  return(outcome: ReturnRequest): void {
    this.#returned.resolve(outcome);
  }

  get returned(): Promise<ReturnRequest> {
    return this.#returned.promise;
  }
}
