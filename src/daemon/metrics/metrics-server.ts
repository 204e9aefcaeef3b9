import { createServer } from "node:http";
import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import type { MetricRegistry } from "#base/metrics.ts";

const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Serves `/metrics` and nothing else. */
export interface MetricsServer extends AsyncDisposable {
  /** With the port that was taken. */
  readonly url: string;
}

/** @throws {FailedPreconditionError} The address cannot be had, saying why. */
export async function openMetricsServer(
  address: { readonly host: string; readonly port: number },
  registry: MetricRegistry,
  onFailure: (error: unknown) => void,
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?")[0];
    if (path !== "/metrics" || (request.method !== "GET" && request.method !== "HEAD")) {
      response.writeHead(path === "/metrics" ? 405 : 404).end();
      return;
    }
    registry.expose().then(
      (page) => response.writeHead(200, { "Content-Type": CONTENT_TYPE }).end(page),
      (error: unknown) => {
        onFailure(error);
        response.writeHead(500).end();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      const where = `${address.host}:${address.port}`;
      reject(
        new FailedPreconditionError(`Cannot serve metrics on ${where}: ${messageOf(cause)}`, {
          cause,
        }),
      );
    });
    server.listen(address.port, address.host, () => resolve());
  });
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return {
    url: `http://${host}:${port}/metrics`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
