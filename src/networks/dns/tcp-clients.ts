import type { TcpStream, TcpStreamEvents } from "#host/internet-sockets.ts";
import { frameMessage, MessageFrames } from "./wire/frames.ts";

/** Connections of one container at once; further ones are closed. */
const MAX_STREAMS = 128;
/** Questions of one connection that wait for their turn; beyond it is no honest client. */
const MAX_WAITING = 256;
/** How long a connection may be without a question. */
const IDLE_MS = 10_000;
/** A question: a name, and what EDNS may add. */
const MAX_QUESTION_BYTES = 4096;

/** What answers a question; undefined for nothing. Never rejects. */
export type AnswerQuestion = (message: Buffer) => Promise<Buffer | undefined>;

/** The connections to port 53 of one container. Questions of one are answered in their order. */
export class TcpClients implements Disposable {
  readonly #answer: AnswerQuestion;
  readonly #streams = new Set<TcpStream>();

  constructor(options: { readonly answer: AnswerQuestion }) {
    this.#answer = options.answer;
  }

  accept(stream: TcpStream): TcpStreamEvents {
    if (this.#streams.size >= MAX_STREAMS) {
      stream[Symbol.dispose]();
      return { onData: () => {}, onEnd: () => {} };
    }
    this.#streams.add(stream);
    const close = (): void => {
      clearTimeout(idle);
      stream[Symbol.dispose]();
      this.#streams.delete(stream);
    };
    const idle = setTimeout(close, IDLE_MS);
    idle.unref();
    const frames = new MessageFrames({ maxMessageBytes: MAX_QUESTION_BYTES });
    const waiting: Buffer[] = [];
    let working: Promise<void> | undefined;
    return {
      onData: (bytes) => {
        idle.refresh();
        const messages = frames.push(bytes);
        if (!messages || waiting.length + messages.length > MAX_WAITING) return close();
        waiting.push(...messages);
        working ??= this.#work(stream, waiting).finally(() => {
          working = undefined;
        });
      },
      onEnd: close,
    };
  }

  async #work(stream: TcpStream, waiting: Buffer[]): Promise<void> {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const answer = await this.#answer(next);
      if (!this.#streams.has(stream)) return;
      if (answer) await stream.write(frameMessage(answer));
    }
  }

  [Symbol.dispose](): void {
    for (const stream of this.#streams) stream[Symbol.dispose]();
    this.#streams.clear();
  }
}
