import type { AttachStream } from "#runtime/runtime.ts";

export type OutputChunk = { readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array };

/**
 * The stdio of a process that is not there yet. A client attaches, waits for nothing, and starts the
 * container then; `start` connects the stream between the runtime's create and its start, so that no
 * byte is missed. What is written before is held back by the promise, not by a buffer.
 */
export class PendingAttach implements AttachStream {
  /** The client has no stdin: its leaving does not end the container's. */
  readonly outputOnly: boolean;
  readonly #connected = Promise.withResolvers<AttachStream | undefined>();
  readonly #onDispose: (pending: PendingAttach) => void;
  #isDisposed = false;

  constructor(outputOnly: boolean, onDispose: (pending: PendingAttach) => void) {
    this.outputOnly = outputOnly;
    this.#onDispose = onDispose;
  }

  /** @param stream Undefined when the process will not come: the output ends at once. */
  connect(stream: AttachStream | undefined): void {
    this.#connected.resolve(stream);
  }

  async *output(): AsyncIterable<OutputChunk> {
    const stream = await this.#connected.promise;
    if (stream) yield* stream.output();
  }

  async write(input: Uint8Array): Promise<void> {
    const stream = await this.#connected.promise;
    await stream?.write(input);
  }

  endInput(): void {
    void this.#connected.promise.then((stream) => stream?.endInput());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#onDispose(this);
    // without effect when `start` was faster
    this.#connected.resolve(undefined);
    const stream = await this.#connected.promise;
    await stream?.[Symbol.asyncDispose]();
  }
}
