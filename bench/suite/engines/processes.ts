import { closeSync, openSync } from "node:fs";
import type { Daemon } from "../contender.ts";
import { engineRuntime, type RuntimePrograms } from "../workload.ts";

const READY_MS = 60_000;

/** A daemon that listens on `socket`; its output goes to the end of `log`. */
export class DaemonProcess implements Daemon, AsyncDisposable {
  readonly #argv: readonly string[];
  readonly #socket: string;
  readonly #log: string;
  #process: Bun.Subprocess | undefined;

  constructor(argv: readonly string[], files: { readonly socket: string; readonly log: string }) {
    this.#argv = argv;
    this.#socket = files.socket;
    this.#log = files.log;
  }

  get pid(): number {
    if (!this.#process) throw new Error(`${this.#argv[0]} does not run`);
    return this.#process.pid;
  }

  async start(): Promise<void> {
    const log = openSync(this.#log, "a");
    this.#process = Bun.spawn([...this.#argv], { stdin: "ignore", stdout: log, stderr: log });
    closeSync(log);
    const daemon = this.#process;
    const deadline = performance.now() + READY_MS;
    while (!(await isThere(this.#socket))) {
      if (daemon.exitCode !== null || performance.now() > deadline) {
        throw new Error(`${this.#argv.join(" ")} does not answer: see ${this.#log}`);
      }
      await Bun.sleep(2);
    }
  }

  async stop(): Promise<void> {
    this.#process?.kill("SIGTERM");
    await this.#process?.exited;
    this.#process = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Flags that docker's daemon and ours share. */
export function addRuntimes(programs: RuntimePrograms): readonly string[] {
  return [...programs].flatMap(([name, path]) => [
    "--add-runtime",
    `${engineRuntime(name)}=${path}`,
  ]);
}

async function isThere(unix: string): Promise<boolean> {
  try {
    // not a kept connection: the next daemon has another socket by the same name
    return (await fetch("http://engine/_ping", { unix, keepalive: false })).ok;
  } catch {
    return false;
  }
}
