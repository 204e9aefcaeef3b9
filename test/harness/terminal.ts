import { recordCommand } from "./api/surface.ts";
import { waitUntil } from "./wait-until.ts";

/** A command on a pseudo-terminal, as a person at a keyboard drives it. */
export class TerminalSession implements AsyncDisposable {
  readonly #process: Bun.Subprocess;
  readonly #decoder = new TextDecoder();
  #screen = "";

  constructor(
    argv: readonly string[],
    options: {
      readonly env?: Readonly<Record<string, string>>;
      readonly columns?: number;
      readonly rows?: number;
    } = {},
  ) {
    recordCommand(argv);
    this.#process = Bun.spawn([...argv], {
      env: { ...process.env, TERM: "xterm", ...options.env },
      terminal: {
        cols: options.columns ?? 80,
        rows: options.rows ?? 24,
        data: (_terminal, data) => {
          this.#screen += this.#decoder.decode(data, { stream: true });
        },
      },
    });
  }

  /** Everything printed so far. */
  get screen(): string {
    return this.#screen;
  }

  get exited(): Promise<number> {
    return this.#process.exited;
  }

  type(text: string): void {
    this.#process.terminal?.write(text);
  }

  resize(columns: number, rows: number): void {
    this.#process.terminal?.resize(columns, rows);
  }

  /** Waits until the screen holds `text`. */
  async expect(text: string, timeoutMs = 10_000): Promise<void> {
    try {
      await waitUntil(`"${text}" on the terminal`, () => this.#screen.includes(text), timeoutMs);
    } catch (error) {
      throw new Error(`${String(error)}; the screen holds: ${JSON.stringify(this.#screen)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
    this.#process.terminal?.close();
  }
}
