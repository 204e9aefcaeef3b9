import type { Clock } from "#host/clock.ts";
import type { InternetSockets } from "#host/internet-sockets.ts";
import type { LocalPorts } from "#host/local-ports.ts";
import type { NetworkId, RandomBytes } from "#spec/ids.ts";
import { ContainerDns, type ContainerDnsOptions, type DnsClient } from "./container-dns.ts";
import { Forwarder } from "./forward/forwarder.ts";
import { HostServers } from "./host-servers.ts";
import type { Zone } from "./look-up.ts";
import { type NamedEndpoint, NameTable } from "./name-table.ts";
import { chooseUpstreams, usableUpstreams } from "./upstreams.ts";

/** What the server of one container has to know; plain data, for it may go to another thread. */
export interface ServedContainer {
  readonly containerId: string;
  readonly namespacePath: string;
  readonly zone: Zone;
  /** `--dns`; empty for the host's servers. */
  readonly servers: readonly string[];
  /** `--dns-option`; empty for the host's options. */
  readonly options: readonly string[];
  readonly hasIpv6: boolean;
  /** It has a way out: the host's servers may be asked for it. */
  readonly mayLeave: boolean;
}

/** The names of all networks, and the DNS servers of the containers that may ask for them. */
export interface NameServers extends AsyncDisposable {
  /** Names of a container on a network, in place of what it had there; known by the next call that is awaited. */
  put(networkId: NetworkId, endpoint: NamedEndpoint): void;
  remove(networkId: NetworkId, containerId: string): void;
  /**
   * Opens the server of a container, or tells it that the container's networks are others.
   *
   * @throws {FailedPreconditionError} The kernel has no nftables. {NotFoundError} The namespace is gone.
   */
  serve(container: ServedContainer): Promise<void>;
  /** Its sockets keep the namespace alive: to be awaited before that goes. No server is no error. */
  close(containerId: string): Promise<void>;
}

export interface LocalNameServersOptions {
  readonly internet: InternetSockets;
  readonly localPorts: LocalPorts;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Text of the host's resolv.conf. */
  readonly readHostFile: () => string;
}

/** On this thread. */
export class LocalNameServers implements NameServers {
  readonly #table = new NameTable();
  readonly #hostServers: HostServers;
  readonly #serverOptions: ContainerDnsOptions;
  /** By container; the promise while one opens. */
  readonly #servers = new Map<string, Promise<ContainerDns>>();

  constructor(options: LocalNameServersOptions) {
    this.#hostServers = new HostServers({ clock: options.clock, read: options.readHostFile });
    this.#serverOptions = {
      internet: options.internet,
      localPorts: options.localPorts,
      table: this.#table,
      forwarder: new Forwarder(options),
      random: options.random,
    };
  }

  put(networkId: NetworkId, endpoint: NamedEndpoint): void {
    this.#table.put(networkId, endpoint);
  }

  remove(networkId: NetworkId, containerId: string): void {
    this.#table.remove(networkId, containerId);
  }

  async serve(container: ServedContainer): Promise<void> {
    const { containerId } = container;
    const client = this.#clientOf(container);
    const before = this.#servers.get(containerId);
    if (before) return (await before).update(client);
    const opening = ContainerDns.open(this.#serverOptions, client);
    this.#servers.set(containerId, opening);
    try {
      await opening;
    } catch (error) {
      if (this.#servers.get(containerId) === opening) this.#servers.delete(containerId);
      throw error;
    }
  }

  async close(containerId: string): Promise<void> {
    const server = this.#servers.get(containerId);
    this.#servers.delete(containerId);
    const opened = await server?.catch(() => undefined); // told to the one who opened it
    opened?.[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const containerId of [...this.#servers.keys()]) await this.close(containerId);
  }

  #clientOf(container: ServedContainer): DnsClient {
    const { namespacePath, zone, servers: given, hasIpv6, mayLeave } = container;
    const host = this.#hostServers;
    return {
      namespacePath,
      zone,
      upstreams: () => {
        const hostServers = given.length > 0 ? [] : host.resolvConf().nameservers;
        return usableUpstreams(chooseUpstreams({ given, hostServers, hasIpv6 }), mayLeave);
      },
      hasNdots: () => {
        const own = container.options;
        const options = own.length > 0 ? own : host.resolvConf().options;
        return options.some((option) => option.startsWith("ndots:"));
      },
    };
  }
}
