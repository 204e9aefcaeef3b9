import { CancelledError, firstFailure, messageOf } from "#base/errors.ts";
import type { BuildEvent, OnBuildEvent, Vertex } from "#builder/events.ts";
import type { Clock } from "#host/clock.ts";
import { type Digest, digestOf } from "#spec/digest.ts";

/** A vertex that has begun, or is about to. */
export interface OpenVertex {
  readonly id: Digest;
  begin(): void;
  /** It need not be done: ends it. */
  cached(): void;
  done(): void;
  /** The first failure counts. */
  fail(error: unknown): void;
  log(stream: "stdout" | "stderr", bytes: Uint8Array): void;
  /** How far something within it is. It has ended when all has come, or when that is said. */
  status(id: string, currentBytes: number, totalBytes: number | undefined, isDone?: boolean): void;
}

/** By these words BuildKit's clients know a step that was given up. */
const CANCELLED = "context canceled";

function reasonOf(thrown: unknown): string {
  const error = firstFailure(thrown);
  const isGivenUp =
    error instanceof CancelledError || (error instanceof Error && error.name === "AbortError");
  return isGivenUp ? CANCELLED : messageOf(error);
}

/** The vertices of one build, told of as they change. */
export class Vertices {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #onEvent: OnBuildEvent;

  constructor(clock: Pick<Clock, "nowMs">, onEvent: OnBuildEvent) {
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  /** Tells of a vertex that has not begun. */
  add(name: string, inputs: readonly Digest[] = []): OpenVertex {
    let vertex: Vertex = {
      id: digestOf(JSON.stringify([name, inputs])),
      name,
      inputs,
      isCached: false,
    };
    const tell = (change: Partial<Vertex>): void => {
      vertex = { ...vertex, ...change };
      this.#onEvent({ type: "vertex", vertex });
    };
    const now = (): number => this.#clock.nowMs();
    const begun = new Map<string, number>();
    tell({});
    return {
      id: vertex.id,
      begin: () => {
        if (vertex.startedMs === undefined) tell({ startedMs: now() });
      },
      cached: () => tell({ startedMs: now(), completedMs: now(), isCached: true }),
      done: () => tell({ completedMs: now() }),
      fail: (error) => {
        if (vertex.error !== undefined) return;
        const startedMs = vertex.startedMs ?? now();
        tell({ startedMs, completedMs: now(), error: reasonOf(error) });
      },
      log: (stream, bytes) =>
        this.#onEvent({ type: "log", vertexId: vertex.id, stream, bytes, timeMs: now() }),
      status: (id, currentBytes, totalBytes, isDone = currentBytes === totalBytes) => {
        const startedMs = begun.get(id) ?? now();
        begun.set(id, startedMs);
        this.#onEvent({
          type: "status",
          vertexId: vertex.id,
          id,
          currentBytes,
          ...(totalBytes === undefined ? {} : { totalBytes }),
          startedMs,
          ...(isDone ? { completedMs: now() } : {}),
        });
      },
    };
  }

  /** Tells of something about the file that had better be otherwise. */
  warn(
    vertexId: Digest,
    warning: Omit<Extract<BuildEvent, { readonly type: "warning" }>, "type" | "vertexId">,
  ): void {
    this.#onEvent({ type: "warning", vertexId, ...warning });
  }

  /** Work that is shown as a vertex of its own. */
  async run<Result>(
    name: string,
    inputs: readonly Digest[],
    work: (vertex: OpenVertex) => Promise<Result>,
  ): Promise<Result> {
    const vertex = this.add(name, inputs);
    vertex.begin();
    try {
      const result = await work(vertex);
      vertex.done();
      return result;
    } catch (error) {
      vertex.fail(error);
      throw error;
    }
  }
}
