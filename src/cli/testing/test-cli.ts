import type { ClientConfig } from "#client/contexts/client-config.ts";
import { parseClientConfig } from "#client/contexts/client-config.ts";
import { type EngineClient, openEngineClient } from "#client/engine-client.ts";
import { parseEndpoint } from "#client/endpoint.ts";
import { InternalError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import type { Command } from "#cli/command/command.ts";
import type { Environment, GlobalOptions } from "#cli/command/globals.ts";
import type { Input } from "#cli/output/input.ts";
import type { Output } from "#cli/output/streams.ts";
import type { Programs } from "#cli/programs.ts";
import { parseFlags } from "#cli/command/parse-flags.ts";
import type { WindowSize } from "#libc/terminals.ts";

/** An output that keeps what is written. */
export class BufferOutput implements Output {
  readonly #chunks: Uint8Array[] = [];
  readonly #size: WindowSize | undefined;

  /** @param size Given: it is a terminal of that size. */
  constructor(size?: WindowSize) {
    this.#size = size;
  }

  get isTerminal(): boolean {
    return this.#size !== undefined;
  }

  windowSize(): WindowSize | undefined {
    return this.#size;
  }

  write(data: string | Uint8Array): void {
    this.#chunks.push(
      typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data),
    );
  }

  pump(data: Uint8Array): Promise<void> {
    this.write(data);
    return Promise.resolve();
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }
}

/** What a test may set; the rest is empty. */
export interface TestCliOptions {
  readonly engine?: EngineClient;
  readonly env?: Environment;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly configDir?: string;
  readonly input?: string;
  readonly terminal?: WindowSize;
  readonly now?: Date;
  readonly programs?: Programs;
}

export const NO_PROGRAMS: Programs = {
  serveRegistry: () => {
    throw new InternalError("this test has no registry");
  },
};

/** A `Cli` on buffers. */
export class TestCli implements Cli {
  readonly input: Input;
  readonly output: BufferOutput;
  readonly errors: BufferOutput = new BufferOutput();
  readonly env: Environment;
  readonly globals: GlobalOptions;
  readonly config: ClientConfig;
  readonly contextName = "default";
  readonly programs: Programs;
  readonly #options: TestCliOptions;

  constructor(options: TestCliOptions = {}) {
    this.#options = options;
    this.env = options.env ?? {};
    this.programs = options.programs ?? NO_PROGRAMS;
    this.output = new BufferOutput(options.terminal);
    this.config = parseClientConfig(options.config ?? {});
    this.globals = {
      configDir: options.configDir ?? "/nonexistent",
      context: undefined,
      hosts: [],
      isDebug: false,
      tls: {
        isOn: false,
        verify: false,
        caFile: "",
        certFile: "",
        keyFile: "",
        isNamed: { ca: false, cert: false, key: false },
      },
    };
    this.input = {
      isTerminal: false,
      fd: undefined,
      async *chunks() {
        yield new TextEncoder().encode(options.input ?? "");
      },
    };
  }

  engine(): Promise<EngineClient> {
    if (!this.#options.engine) throw new InternalError("this test has no engine");
    return Promise.resolve(this.#options.engine);
  }

  interruption(): AbortSignal {
    return new AbortController().signal;
  }

  insistence(): AbortSignal {
    return new AbortController().signal;
  }

  now(): Date {
    return this.#options.now ?? new Date(0);
  }
}

/** Parses `words` and runs the command. @returns Its exit code; failures are thrown. */
export function runCommand(command: Command, cli: Cli, words: readonly string[]): Promise<number> {
  const parsed = parseFlags(command.flags, words, command.interspersed ?? true);
  return command.run(cli, {
    flags: parsed.values,
    args: parsed.args,
    commandLine: "wharf test",
    groupFlags: { values: {}, given: new Set() },
    isSet: (name) => parsed.given.has(name),
  });
}

/** One answer of the fake engine by `METHOD path`, without version prefix and query. */
export type FakeRoutes = Readonly<
  Record<string, (request: Request) => Response | Promise<Response>>
>;

/** An engine on a loopback port that answers from a table, for API 1.56. */
export function openFakeEngine(routes: FakeRoutes): AsyncDisposable & {
  readonly client: EngineClient;
  /** `METHOD path?query` of each request so far, `_ping` left out. */
  readonly requests: readonly string[];
} {
  const requests: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const url = new URL(request.url);
      const path = url.pathname.replace(/^\/v1\.\d+/, "");
      if (path === "/_ping")
        return new Response("OK", {
          headers: { "Api-Version": "1.56", Server: "Wharf/1.0.0 (linux)" },
        });
      requests.push(`${request.method} ${path}${decodeURIComponent(url.search)}`);
      const route = routes[`${request.method} ${path}`];
      return route?.(request) ?? Response.json({ message: "page not found" }, { status: 404 });
    },
  });
  const endpoint = parseEndpoint(`tcp://127.0.0.1:${server.port}`);
  const client = openEngineClient({ endpoint, userAgent: "test" });
  return {
    client,
    requests,
    async [Symbol.asyncDispose]() {
      client.close();
      await server.stop(true);
    },
  };
}
