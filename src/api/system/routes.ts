import { type Exchange, sendJson } from "#api/exchange.ts";
import { type Route, answer } from "#api/router.ts";
import type { SystemBackend } from "./backend.ts";
import { sendCheck } from "./check.ts";
import { sendDiskUsage } from "./disk-usage.ts";
import { sendEvents } from "./events.ts";
import { sendPrunePreview } from "./prune-preview.ts";
import { infoToWire, versionToWire } from "./wire.ts";

function ping(exchange: Exchange): void {
  const isHead = exchange.request.method === "HEAD";
  exchange.response.writeHead(200, {
    "Cache-Control": "no-cache, no-store, must-revalidate",
    Pragma: "no-cache",
    // 2 is BuildKit: clients that have it build by it
    "Builder-Version": "2",
    Swarm: "inactive",
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": isHead ? 0 : 2,
  });
  exchange.response.end(isHead ? undefined : "OK");
}

/** The endpoints about the engine as a whole. */
export function systemRoutes(backend: SystemBackend): readonly Route[] {
  return [
    answer("GET", "/_ping", ping),
    answer("HEAD", "/_ping", ping),
    answer("GET", "/version", (exchange) => {
      sendJson(
        exchange,
        200,
        versionToWire(backend.version(), `bun${process.versions["bun"] ?? ""}`),
      );
    }),
    answer("GET", "/info", async (exchange) => {
      const info = await backend.info();
      sendJson(exchange, 200, infoToWire(info, exchange.version, backend.nowNanos()));
    }),
    answer("GET", "/events", (exchange) => sendEvents(exchange, backend)),
    answer("GET", "/system/df", (exchange) => sendDiskUsage(exchange, backend)),
    answer("GET", "/system/check", (exchange) => sendCheck(exchange, backend, false)),
    answer("POST", "/system/check", (exchange) => sendCheck(exchange, backend, true)),
    answer("GET", "/system/prune/preview", (exchange) => sendPrunePreview(exchange, backend)),
  ];
}
