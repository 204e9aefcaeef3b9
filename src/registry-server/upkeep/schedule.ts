import { messageOf } from "#base/errors.ts";
import type { RegistryLog } from "#registry-server/log.ts";

/** Runs `work` every so often, one at a time; disposing waits for the one under way. */
export class Schedule implements AsyncDisposable {
  readonly #name: string;
  readonly #work: () => Promise<unknown>;
  readonly #log: RegistryLog;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | undefined;

  constructor(name: string, everyMs: number, work: () => Promise<unknown>, log: RegistryLog) {
    this.#name = name;
    this.#work = work;
    this.#log = log;
    this.#timer = setInterval(() => this.trigger(), everyMs);
    this.#timer.unref();
  }

  /** Now, unless it is under way. */
  trigger(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      await this.#work();
    } catch (error) {
      this.#log.error(`${this.#name} failed`, { error: messageOf(error) });
    }
  }
}
