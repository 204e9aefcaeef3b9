import type { EngineClient } from "#client/engine-client.ts";
import type { ClientConfig } from "#client/contexts/client-config.ts";
import type { Environment, GlobalOptions } from "#cli/command/globals.ts";
import type { Input } from "./output/input.ts";
import type { Output } from "./output/streams.ts";
import type { Programs } from "./programs.ts";

/**
 * What a command gets to act with. It touches the process (streams, environment, signals) only
 * through this, so a test runs it with buffers and a fake engine (`testing/test-cli.ts`).
 */
export interface Cli {
  readonly input: Input;
  readonly output: Output;
  readonly errors: Output;
  readonly env: Environment;
  readonly globals: GlobalOptions;
  readonly programs: Programs;
  /** `config.json`, read at first use; a broken file is a warning on stderr, as docker's. */
  readonly config: ClientConfig;
  /** Name of the context in force (`default` when an address takes precedence). */
  readonly contextName: string;
  /** The engine that the user means, connected to at the first request; closed by the caller of `run`. */
  engine(): Promise<EngineClient>;
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP from the first call on; until then they end us. */
  interruption(): AbortSignal;
  /**
   * Aborted by the second of them: whoever asks ends sooner himself. Where nobody has asked, the second ends us;
   * the third does in any case.
   */
  insistence(): AbortSignal;
  now(): Date;
}
