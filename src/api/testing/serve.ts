import { mkdtempSync, rmSync } from "node:fs";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Route } from "#api/router.ts";
import { type ApiLimits, ApiServer } from "#api/server.ts";

export interface TestServer extends AsyncDisposable {
  readonly path: string;
  /** What was logged as an error. */
  readonly errors: readonly string[];
  readonly server: ApiServer;
}

/** Serves `routes` on a unix socket of its own. */
export async function serve(
  routes: readonly Route[],
  limits: Partial<ApiLimits> = {},
): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), "wharf-api-"));
  const path = join(folder, "s.sock");
  const errors: string[] = [];
  const server = new ApiServer({
    routes,
    product: "Wharf/test (linux)",
    experimental: false,
    log: {
      isDebug: false,
      debug: () => {},
      warn: () => {},
      error: (message, fields) => void errors.push(`${message} ${fields?.["error"] ?? ""}`),
    },
    limits: { closeGraceMs: 50, ...limits },
  });
  await server.listen({ kind: "unix", path });
  return {
    path,
    errors,
    server,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A bare connection: what HTTP clients hide is what these tests look at. */
export class RawClient implements Disposable {
  readonly socket: net.Socket;
  #received: Buffer = Buffer.alloc(0);
  #isEnded = false;
  #wake: (() => void) | undefined;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake?.();
    });
    const end = (): void => {
      this.#isEnded = true;
      this.#wake?.();
    };
    socket.on("end", end);
    socket.on("close", end);
    socket.on("error", end);
  }

  static async connect(path: string): Promise<RawClient> {
    const socket = net.connect({ path, allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", reject);
    });
    return new RawClient(socket);
  }

  send(data: string | Uint8Array): void {
    this.socket.write(data);
  }

  /** All received, as soon as `isEnough` holds. @throws {Error} The server ended first. */
  async until(isEnough: (text: string) => boolean): Promise<string> {
    for (;;) {
      const text = this.#received.toString("latin1");
      if (isEnough(text)) return text;
      if (this.#isEnded) throw new Error(`connection ended after ${JSON.stringify(text)}`);
      await this.#more();
    }
  }

  /** All received until the server ended. */
  async end(): Promise<Buffer> {
    while (!this.#isEnded) await this.#more();
    return this.#received;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  async #more(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** One ordinary request. */
export async function request(
  path: string,
  method: string,
  url: string,
  init: { readonly body?: string; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  const response = await fetch(`http://localhost${url}`, {
    method,
    unix: path,
    keepalive: false,
    redirect: "manual",
    ...init,
  });
  return { status: response.status, headers: response.headers, body: await response.text() };
}
