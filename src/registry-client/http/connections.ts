import type { Connection } from "#client/connection.ts";
import { type TlsMaterial, connectSocket } from "#client/connect-socket.ts";
import { abortable } from "#base/async.ts";
import type { ProxyServer } from "#registry-client/proxies.ts";
import { connectTunnel } from "./connect-tunnel.ts";
import type { Origin } from "./origin.ts";
import { TimedConnection } from "./timed-connection.ts";
import { UnreachableError } from "./url-errors.ts";

/** What a connection is made with; connections are shared only where all of it is the same. */
export interface Route {
  readonly origin: Origin;
  /** For an origin with TLS. */
  readonly tls: TlsMaterial;
  /** Absent: the origin is reached itself. */
  readonly proxy?: ProxyServer;
}

export interface ConnectionsOptions {
  readonly connectTimeoutMs: number;
  /** A peer that is silent for longer is given up. */
  readonly idleTimeoutMs: number;
}

export const DEFAULT_CONNECTIONS_OPTIONS: ConnectionsOptions = {
  connectTimeoutMs: 30_000,
  idleTimeoutMs: 60_000,
};

/** Registries close idle connections after a minute or more. */
const KEEP_MS = 30_000;
const KEEP_PER_ROUTE = 8;

interface Kept {
  readonly connection: Connection;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Connections to registries, kept open for a while after their last answer. */
export class Connections implements Disposable {
  readonly #options: ConnectionsOptions;
  readonly #kept = new Map<string, Kept[]>();

  constructor(options: ConnectionsOptions = DEFAULT_CONNECTIONS_OPTIONS) {
    this.#options = options;
  }

  /** A kept connection on which nothing is under way, if there is one. */
  takeKept(route: Route): Connection | undefined {
    const kept = this.#kept.get(routeKey(route)) ?? [];
    for (;;) {
      const last = kept.pop();
      if (!last) return undefined;
      clearTimeout(last.timer);
      if (!last.connection.isSpent) return last.connection;
      last.connection.close();
    }
  }

  /** @throws The system's error, or that of TLS; {UnreachableError} It takes too long. */
  async open(route: Route, signal: AbortSignal): Promise<Connection> {
    const { connectTimeoutMs, idleTimeoutMs } = this.#options;
    const connecting = connect(route);
    const timeout = new AbortController();
    const timer = setTimeout(
      () => timeout.abort(new UnreachableError("i/o timeout")),
      connectTimeoutMs,
    );
    try {
      const either = AbortSignal.any([signal, timeout.signal]);
      return new TimedConnection(await abortable(connecting, either), idleTimeoutMs);
    } catch (error) {
      connecting.then(
        (late) => late.close(),
        () => undefined, // it is the error that is thrown here, or comes after it
      );
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Takes back a connection whose last answer was read to its end. */
  keep(route: Route, connection: Connection): void {
    const key = routeKey(route);
    const kept = this.#kept.get(key) ?? [];
    if (connection.isSpent || kept.length >= KEEP_PER_ROUTE) {
      connection.close();
      return;
    }
    const timer = setTimeout(() => this.#drop(key, connection), KEEP_MS);
    timer.unref();
    kept.push({ connection, timer });
    this.#kept.set(key, kept);
  }

  [Symbol.dispose](): void {
    for (const kept of this.#kept.values()) {
      for (const { connection, timer } of kept) {
        clearTimeout(timer);
        connection.close();
      }
    }
    this.#kept.clear();
  }

  #drop(key: string, connection: Connection): void {
    connection.close();
    const left = (this.#kept.get(key) ?? []).filter((one) => one.connection !== connection);
    if (left.length > 0) this.#kept.set(key, left);
    else this.#kept.delete(key);
  }
}

function connect({ origin, tls, proxy }: Route): Promise<Connection> {
  if (proxy && (origin.isTls || proxy.protocol === "socks5")) {
    return connectTunnel(proxy, origin, tls);
  }
  const { hostname, port, isTls } = proxy?.origin ?? origin;
  return connectSocket({ hostname, port, ...(isTls ? { tls } : {}) });
}

function routeKey({ origin, tls, proxy }: Route): string {
  return JSON.stringify([origin, origin.isTls ? tls : undefined, proxy]);
}
