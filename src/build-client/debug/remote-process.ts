import { UnavailableError } from "#base/errors.ts";
import type { RpcStream } from "#rpc/call.ts";
import { StatusError } from "#rpc/status.ts";
import { EXEC_MESSAGE, type ExecMessage, UNKNOWN_EXIT_CODE } from "#spec/buildkit/exec.ts";

/** Of a terminal in one message. */
const PIECE_BYTES = 32 * 1024;

/** A process in a build's files, on the engine. Disposing gives its container up. */
export class RemoteProcess implements AsyncDisposable {
  readonly #id: string;
  readonly #stream: RpcStream;
  readonly #open: AsyncDisposableStack;
  #exitCode: number | undefined;

  /** @param open What goes with it. */
  constructor(id: string, stream: RpcStream, open: AsyncDisposableStack) {
    this.#id = id;
    this.#stream = stream;
    this.#open = open;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open.disposeAsync();
  }

  /** Its exit code, once its output has ended. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /**
   * What it prints, up to its end; one reader.
   *
   * @throws {StatusError} It could not be started. {UnavailableError} The engine is gone.
   */
  async *output(): AsyncGenerator<{
    readonly stream: "stdout" | "stderr";
    readonly bytes: Uint8Array;
  }> {
    for await (const message of this.#stream.messages) {
      const { file, exit, done } = EXEC_MESSAGE.decode(message);
      if (file && file.data.byteLength > 0) {
        yield { stream: file.descriptor === 2 ? "stderr" : "stdout", bytes: file.data };
      }
      if (exit) {
        if (exit.code === UNKNOWN_EXIT_CODE && exit.error) throw new StatusError(exit.error);
        this.#exitCode = exit.code;
      }
      if (done) return;
    }
    if (this.#exitCode === undefined)
      throw new UnavailableError("The engine has ended the process");
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) {
      const data = bytes.subarray(at, at + PIECE_BYTES);
      await this.#send({ file: { descriptor: 0, isEnd: false, data } });
    }
  }

  async endInput(): Promise<void> {
    await this.#send({ file: { descriptor: 0, isEnd: true, data: new Uint8Array() } });
  }

  async resize(size: { readonly columns: number; readonly rows: number }): Promise<void> {
    await this.#send({ resize: size });
  }

  async #send(message: Partial<ExecMessage>): Promise<void> {
    await this.#stream.send(EXEC_MESSAGE.encode({ processId: this.#id, ...message }));
  }
}
