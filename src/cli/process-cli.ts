import { messageOf } from "#base/errors.ts";
import { chooseContextName } from "#client/contexts/choose-engine.ts";
import {
  type ClientConfig,
  parseClientConfig,
  readClientConfig,
} from "#client/contexts/client-config.ts";
import type { EngineClient } from "#client/engine-client.ts";
import type { Cli } from "./cli.ts";
import type { Environment, GlobalOptions } from "#cli/command/globals.ts";
import { engineHints, openEngine } from "#cli/engine/open-engine.ts";
import { FdInput, type Input } from "./output/input.ts";
import { FdOutput, type Output } from "./output/streams.ts";
import type { Programs } from "./programs.ts";

/** The three standard streams. */
export interface Streams {
  readonly input: Input;
  readonly output: Output;
  readonly errors: Output;
}

/** What a command line meets: the process's own, or a test's. */
export interface CallSettings {
  readonly env: Environment;
  readonly streams: Streams;
  readonly programs: Programs;
}

export function standardStreams(): Streams {
  return { input: new FdInput(0), output: new FdOutput(1), errors: new FdOutput(2) };
}

/** Signals that ask us to end, by their numbers. */
const endingSignals: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** The `Cli` of this process. Each part is made at first use, as most commands need few. */
export class ProcessCli implements Cli {
  readonly input: Input;
  readonly output: Output;
  readonly errors: Output;
  readonly env: Environment;
  readonly globals: GlobalOptions;
  readonly programs: Programs;
  #config: ClientConfig | undefined;
  #engine: EngineClient | undefined;
  #interruption: AbortController | undefined;
  #insistence: AbortController | undefined;
  #exitCode: number | undefined;

  constructor(call: CallSettings, globals: GlobalOptions) {
    this.input = call.streams.input;
    this.output = call.streams.output;
    this.errors = call.streams.errors;
    this.env = call.env;
    this.programs = call.programs;
    this.globals = globals;
  }

  get config(): ClientConfig {
    this.#config ??= this.#readConfig();
    return this.#config;
  }

  get contextName(): string {
    return chooseContextName(engineHints(this));
  }

  engine(): Promise<EngineClient> {
    this.#engine ??= openEngine(this);
    return Promise.resolve(this.#engine);
  }

  /** Connects while the command is still being loaded. What keeps it from that is told when the engine is asked. */
  connectEarly(): void {
    try {
      this.#engine ??= openEngine(this);
    } catch {
      return;
    }
    this.#engine.connectNow();
  }

  interruption(): AbortSignal {
    if (!this.#interruption) {
      const controller = new AbortController();
      for (const [name, number] of Object.entries(endingSignals)) {
        process.on(name, () => {
          if (this.#exitCode === undefined) {
            this.#exitCode = 128 + number;
            controller.abort();
            return;
          }
          const isHeard = this.#insistence !== undefined && !this.#insistence.signal.aborted;
          if (!isHeard) process.exit(this.#exitCode);
          this.#insistence?.abort();
        });
      }
      this.#interruption = controller;
    }
    return this.#interruption.signal;
  }

  insistence(): AbortSignal {
    this.interruption();
    this.#insistence ??= new AbortController();
    return this.#insistence.signal;
  }

  /** 128 and the signal's number, once `interruption()` has been aborted by one. */
  get interruptedCode(): number | undefined {
    return this.#exitCode;
  }

  now(): Date {
    return new Date();
  }

  /** Connections that are still open. */
  close(): void {
    this.#engine?.close();
  }

  #readConfig(): ClientConfig {
    try {
      return readClientConfig(this.globals.configDir);
    } catch (error) {
      this.errors.write(`WARNING: ${messageOf(error)}\n`);
      return parseClientConfig({});
    }
  }
}
