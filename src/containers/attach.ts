import type { AttachOptions, AttachStream } from "#runtime/runtime.ts";
import type { ContainerParts } from "./parts.ts";
import { type OutputChunk, PendingAttach } from "./pending-attach.ts";
import { assertAllowed } from "./transitions.ts";

/** Tells whether the client left before the output ended: Docker publishes `detach` then. */
class WatchedStream implements AttachStream {
  readonly #stream: AttachStream;
  readonly #onDetach: () => void;
  #hasEnded = false;
  #isDisposed = false;

  constructor(stream: AttachStream, onDetach: () => void) {
    this.#stream = stream;
    this.#onDetach = onDetach;
  }

  async *output(): AsyncIterable<OutputChunk> {
    yield* this.#stream.output();
    this.#hasEnded = true;
  }

  write(input: Uint8Array): Promise<void> {
    return this.#stream.write(input);
  }

  endInput(): void {
    this.#stream.endInput();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    if (!this.#hasEnded) this.#onDetach();
    await this.#stream[Symbol.asyncDispose]();
  }
}

export async function attachToContainer(
  parts: Pick<ContainerParts, "registry" | "lives" | "runtime" | "events">,
  reference: string,
  signal: AbortSignal,
  options: AttachOptions = {},
): Promise<{ readonly terminal: boolean; readonly stream: AttachStream }> {
  const { id } = parts.registry.resolve(reference);
  const outputOnly = options.outputOnly ?? false;
  const live = parts.lives.of(id);
  // in the lane: a start under way has either not looked for clients yet or is over
  return await live.lane.run(async () => {
    const record = parts.registry.get(id);
    assertAllowed("attach", record, reference);
    signal.throwIfAborted();
    let stream: AttachStream;
    if (record.state.status === "running") stream = await parts.runtime.attach(id, { outputOnly });
    else {
      const pending = new PendingAttach(outputOnly, (left) => live.attaching.delete(left));
      live.attaching.add(pending);
      stream = pending;
    }
    parts.events.publish(record, "attach");
    const onDetach = (): void => {
      const now = parts.registry.find(id);
      if (now) parts.events.publish(now, "detach");
    };
    return { terminal: record.config.Tty, stream: new WatchedStream(stream, onDetach) };
  }, signal);
}
