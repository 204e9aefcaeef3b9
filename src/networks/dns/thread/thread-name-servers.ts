import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import type { NamedEndpoint } from "#networks/dns/name-table.ts";
import type { NameServers, ServedContainer } from "#networks/dns/name-servers.ts";
import type { NetworkId } from "#spec/ids.ts";
import type { DnsOrder, DnsReport } from "./protocol.ts";

/** A thread that carries orders out. Disposing ends it, its sockets with it. */
export interface DnsThread extends AsyncDisposable {
  send(order: DnsOrder): void;
}

export type StartDnsThread = (events: {
  onReport(report: DnsReport): void;
  /** It ended by itself: all it held is gone. */
  onDeath(reason: string): void;
}) => DnsThread;

/** How long a thread that died is left before the next begins. */
const RESTART_MS = 1000;

/**
 * The name servers on a thread of their own: a container that floods its server with questions holds up no request
 * to the engine, and a busy engine no question. The thread begins with the first container that needs it; when
 * it dies another one takes its place, and is told everything anew.
 */
export class ThreadNameServers implements NameServers {
  readonly #start: StartDnsThread;
  readonly #warn: (message: string) => void;
  readonly #restartMs: number;
  readonly #names = new Map<NetworkId, Map<string, NamedEndpoint>>();
  readonly #served = new Map<string, ServedContainer>();
  readonly #calls = new Map<number, PromiseWithResolvers<void>>();
  #lastCall = 0;
  #thread: DnsThread | undefined;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: {
    readonly start: StartDnsThread;
    readonly warn: (message: string) => void;
    readonly restartMs?: number;
  }) {
    this.#start = options.start;
    this.#warn = options.warn;
    this.#restartMs = options.restartMs ?? RESTART_MS;
  }

  put(networkId: NetworkId, endpoint: NamedEndpoint): void {
    const network = this.#names.get(networkId) ?? new Map<string, NamedEndpoint>();
    this.#names.set(networkId, network.set(endpoint.containerId, endpoint));
    this.#thread?.send({ kind: "put", networkId, endpoint });
  }

  remove(networkId: NetworkId, containerId: string): void {
    const network = this.#names.get(networkId);
    network?.delete(containerId);
    if (network?.size === 0) this.#names.delete(networkId);
    this.#thread?.send({ kind: "remove", networkId, containerId });
  }

  async serve(container: ServedContainer): Promise<void> {
    const thread = this.#thread ?? this.#begin();
    this.#served.set(container.containerId, container);
    try {
      await this.#call((call) => thread.send({ kind: "serve", call, container }));
    } catch (error) {
      if (this.#served.get(container.containerId) === container) {
        this.#served.delete(container.containerId);
      }
      throw error;
    }
  }

  async close(containerId: string): Promise<void> {
    this.#served.delete(containerId);
    const thread = this.#thread;
    if (!thread) return;
    await this.#call((call) => thread.send({ kind: "close", call, containerId }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#restart);
    const thread = this.#thread;
    this.#thread = undefined;
    this.#served.clear();
    this.#fail("it is ending");
    await thread?.[Symbol.asyncDispose]();
  }

  #call(send: (call: number) => void): Promise<void> {
    this.#lastCall += 1;
    const done = Promise.withResolvers<void>();
    this.#calls.set(this.#lastCall, done);
    send(this.#lastCall);
    return done.promise;
  }

  #begin(): DnsThread {
    clearTimeout(this.#restart);
    const thread = this.#start({
      onReport: ({ call, failure }) => {
        const done = this.#calls.get(call);
        this.#calls.delete(call);
        if (failure === undefined) done?.resolve();
        else done?.reject(new FailedPreconditionError(failure));
      },
      onDeath: (reason) => {
        if (this.#thread === thread) this.#died(reason);
      },
    });
    this.#thread = thread;
    for (const [networkId, endpoints] of this.#names) {
      for (const endpoint of endpoints.values()) thread.send({ kind: "put", networkId, endpoint });
    }
    return thread;
  }

  #died(reason: string): void {
    this.#thread = undefined;
    this.#fail(reason);
    this.#warn(`The thread that resolves names of containers ended, and begins anew: ${reason}`);
    this.#restart = setTimeout(() => void this.#revive(), this.#restartMs);
    this.#restart.unref();
  }

  async #revive(): Promise<void> {
    for (const container of [...this.#served.values()]) {
      if (this.#served.get(container.containerId) !== container) continue; // closed meanwhile
      await this.serve(container).catch((error: unknown) => {
        this.#warn(
          `Container ${container.containerId} has no name resolution: ${messageOf(error)}`,
        );
      });
    }
  }

  #fail(reason: string): void {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const { reject } of calls) {
      reject(new FailedPreconditionError(`Cannot serve names of containers: ${reason}`));
    }
  }
}
