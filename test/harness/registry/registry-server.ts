import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { WHARF } from "../engine.ts";
import { waitUntil } from "../wait-until.ts";

/** A port of the loopback address that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export interface RegistryServerOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** `wharf registry serve` of a test's own, on a port that stays over restarts. */
export class RegistryServer implements AsyncDisposable {
  readonly root: string = mkdtempSync("/var/tmp/wharf-e2e-registry-");
  readonly port: number;
  readonly #options: RegistryServerOptions;
  #process: Bun.Subprocess | undefined;

  private constructor(port: number, options: RegistryServerOptions) {
    this.port = port;
    this.#options = options;
  }

  static async open(options: RegistryServerOptions = {}): Promise<RegistryServer> {
    const server = new RegistryServer(await freePort(), options);
    await server.start();
    return server;
  }

  /** `localhost:5000`: as an image's name begins, and as engines talk to without TLS. */
  get host(): string {
    return `localhost:${this.port}`;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    if (!this.#process) throw new Error("The registry is not running");
    return this.#process.pid;
  }

  log(): string {
    return readFileSync(join(this.root, "server.log"), "utf8");
  }

  /** Of the user `admin`, as the first start printed it. */
  get adminPassword(): string {
    return /User "admin" has password "([^"]+)"/.exec(this.log())?.[1] ?? "";
  }

  async start(): Promise<void> {
    const log = openSync(join(this.root, "server.log"), "a");
    const listen = ["--listen", `127.0.0.1:${this.port}`, "--root", join(this.root, "data")];
    const child = Bun.spawn(
      [WHARF, "registry", "serve", ...listen, ...(this.#options.flags ?? [])],
      {
        stdin: "ignore",
        stdout: log,
        stderr: log,
        env: { ...process.env, ...this.#options.env },
      },
    );
    closeSync(log);
    this.#process = child;
    const scheme = this.#options.flags?.includes("--tls-cert") ? "https" : "http";
    await waitUntil(
      "the registry answers",
      async () => {
        if (child.exitCode !== null) throw new Error(`The registry ended:\n${this.log()}`);
        const tls = { rejectUnauthorized: false };
        const answer = await fetch(`${scheme}://127.0.0.1:${this.port}/healthz`, { tls }).catch(
          () => undefined,
        );
        return answer?.ok;
      },
      30_000,
    );
  }

  signal(name: "SIGHUP"): void {
    this.#process?.kill(name);
  }

  /** Ends it with SIGTERM; returns its exit code. */
  async stop(): Promise<number> {
    this.#process?.kill("SIGTERM");
    const code = (await this.#process?.exited) ?? 0;
    this.#process = undefined;
    return code;
  }

  /** `kill -9`, and waits until the process is gone. */
  async crash(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.exited;
    this.#process = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.root, { recursive: true, force: true });
  }
}
