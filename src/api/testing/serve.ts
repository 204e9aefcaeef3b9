import { mkdtempSync, rmSync } from "node:fs";
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
