import { FailedPreconditionError, UnavailableError } from "#base/errors.ts";
import { type Connection, ReadQueue } from "./connection.ts";
import type { Endpoint } from "./endpoint.ts";

/**
 * Arguments for ssh(1). The far side runs Wharf's dial-stdio where it is installed, else docker's:
 * both copy between their standard streams and the engine's socket.
 */
export function sshArguments(endpoint: Endpoint & { readonly kind: "ssh" }): string[] {
  const { socketPath } = endpoint;
  const host = socketPath === undefined ? "" : `--host ${shellQuote(`unix://${socketPath}`)} `;
  const script = `command -v wharf >/dev/null 2>&1 && exec wharf ${host}system dial-stdio || exec docker ${host}system dial-stdio`;
  return [
    "-o",
    "ConnectTimeout=30",
    "-T",
    ...(endpoint.user === undefined ? [] : ["-l", endpoint.user]),
    ...(endpoint.port === undefined ? [] : ["-p", String(endpoint.port)]),
    "--",
    endpoint.host,
    "sh",
    "-c",
    shellQuote(script), // the login shell may be no POSIX shell
  ];
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** @param program Overridden by tests; else `ssh` of the PATH. */
export function connectSsh(
  endpoint: Endpoint & { readonly kind: "ssh" },
  program = "ssh",
): Connection {
  try {
    const child = Bun.spawn([program, ...sshArguments(endpoint)], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      detached: true, // Ctrl-C is for the command; the connection ends when we close it
    });
    return new ChildConnection(child, endpoint.text);
  } catch (error) {
    const message = `Cannot connect to ${endpoint.text}: ${program} is not installed`;
    throw new FailedPreconditionError(message, { cause: error });
  }
}

type PipedChild = Bun.Subprocess<"pipe", "pipe", "pipe">;

class ChildConnection implements Connection {
  readonly #child: PipedChild;
  readonly #name: string;
  readonly #queue: ReadQueue;
  readonly #done: Promise<void>;
  #low: (() => void) | undefined;
  #closed = false;

  constructor(child: PipedChild, name: string) {
    this.#child = child;
    this.#name = name;
    this.#queue = new ReadQueue(() => this.#low?.());
    this.#done = this.#copyOutput();
  }

  get isSpent(): boolean {
    return this.#closed || this.#queue.hasEnded;
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#queue.read();
  }

  unread(bytes: Uint8Array): void {
    this.#queue.unread(bytes);
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) throw new UnavailableError("connection closed");
    await this.#child.stdin.write(bytes);
    await this.#child.stdin.flush();
  }

  closeWrite(): void {
    void Promise.resolve(this.#child.stdin.end()).catch(() => undefined); // gone is closed too
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.end();
    this.#low?.();
    this.#child.kill();
    void this.#done;
  }

  async #copyOutput(): Promise<void> {
    const complaint = new Response(this.#child.stderr).text();
    for await (const chunk of this.#child.stdout) {
      if (!this.#queue.push(chunk)) continue;
      if (this.#closed) break;
      await new Promise<void>((resolve) => {
        this.#low = resolve;
      });
    }
    const code = await this.#child.exited;
    if (code === 0 || this.#closed) return this.#queue.end();
    const why = (await complaint).trim() || `exit code ${code}`;
    this.#queue.end(new UnavailableError(`error during connect: ${this.#name}: ${why}`));
  }
}
