import { existsSync } from "node:fs";
import { messageOf } from "#base/errors.ts";
import type { LocalPorts } from "#host/local-ports.ts";
import {
  ContainerDns,
  type ContainerDnsOptions,
  type DnsClient,
} from "#networks/dns/container-dns.ts";
import type { HostServers } from "#networks/dns/host-servers.ts";
import type { ZoneNetwork } from "#networks/dns/look-up.ts";
import { hasEmbeddedDns, servesNames } from "#networks/dns/scope.ts";
import { chooseUpstreams, DNS_PORT, usableUpstreams } from "#networks/dns/upstreams.ts";
import { foldCase } from "#networks/dns/wire/name.ts";
import type { EndpointRecord } from "#networks/driver.ts";
import type { SandboxRecord } from "#networks/records.ts";
import type { SandboxTable } from "./sandbox-table.ts";

export interface SandboxDnsOptions extends ContainerDnsOptions {
  readonly sandboxes: SandboxTable;
  readonly hostServers: HostServers;
  readonly localPorts: LocalPorts;
  /** Reports what goes on all the same. */
  readonly warn: (message: string) => void;
}

/** The DNS servers of the sandboxes that are on networks of the user's. */
export class SandboxDns implements Disposable {
  readonly #options: SandboxDnsOptions;
  readonly #servers = new Map<string, ContainerDns>();

  constructor(options: SandboxDnsOptions) {
    this.#options = options;
  }

  /**
   * Opens the server where it is needed, or tells it of other networks. Once there it stays: the container's
   * resolv.conf names it.
   *
   * @throws {FailedPreconditionError} The kernel has no nftables.
   */
  async bringUp(record: SandboxRecord): Promise<void> {
    const client = this.#clientOf(record);
    if (!client) return;
    const server = this.#servers.get(record.containerId);
    if (server) server.update(client);
    else if (hasEmbeddedDns(record.endpoints)) await this.#open(record, client);
  }

  /** For a sandbox that lives on from another daemon: one that was there is opened anew. */
  async takeOver(record: SandboxRecord): Promise<void> {
    const client = this.#clientOf(record);
    if (!client || !existsSync(client.namespacePath)) return;
    try {
      const { localPorts } = this.#options;
      const wasOpen = localPorts.ledTo(client.namespacePath, { port: DNS_PORT }) !== undefined;
      if (wasOpen || hasEmbeddedDns(record.endpoints)) await this.#open(record, client);
    } catch (error) {
      this.#options.warn(
        `Container ${record.containerName} has no name resolution: ${messageOf(error)}`,
      );
    }
  }

  /** Its sockets keep the namespace alive: before that goes. */
  close(containerId: string): void {
    this.#servers.get(containerId)?.[Symbol.dispose]();
    this.#servers.delete(containerId);
  }

  [Symbol.dispose](): void {
    for (const containerId of this.#servers.keys()) this.close(containerId);
  }

  async #open(record: SandboxRecord, client: DnsClient): Promise<void> {
    const server = await ContainerDns.open(this.#options, client);
    const live = this.#options.sandboxes.get(record.containerId);
    if (live && !live.closing) {
      this.#servers.set(record.containerId, server);
    } else {
      server[Symbol.dispose]();
    }
  }

  /** @returns Undefined for a sandbox that has no namespace of its own. */
  #clientOf(record: SandboxRecord): DnsClient | undefined {
    const { namespacePath, endpoints, mode, dns } = record;
    if (namespacePath === undefined || mode.kind !== "bridge") return undefined;
    const { hostServers, sandboxes } = this.#options;
    const given = dns?.servers ?? [];
    const hasIpv6 = endpoints.some(({ ipv6Address = "" }) => ipv6Address !== "");
    const mayLeave = endpoints.some((one) => sandboxes.networkOf(one)?.internal === false);
    return {
      namespacePath,
      zone: zoneOf(endpoints),
      upstreams: () => {
        const hostFile = given.length > 0 ? [] : hostServers.resolvConf().nameservers;
        const upstreams = chooseUpstreams({ given, hostServers: hostFile, hasIpv6 });
        return usableUpstreams(upstreams, mayLeave);
      },
      hasNdots: () => {
        const own = dns?.options ?? [];
        const options = own.length > 0 ? own : hostServers.resolvConf().options;
        return options.some((option) => option.startsWith("ndots:"));
      },
    };
  }
}

/** In the order in which Docker asks: the highest gateway priority first, then by name. */
function zoneOf(endpoints: readonly EndpointRecord[]): readonly ZoneNetwork[] {
  return endpoints
    .filter(servesNames)
    .toSorted(
      (a, b) =>
        (b.gatewayPriority ?? 0) - (a.gatewayPriority ?? 0) ||
        (a.networkName < b.networkName ? -1 : 1),
    )
    .map(({ networkId, networkName, links = {} }) => ({
      id: networkId,
      name: networkName,
      links: new Map(Object.entries(links).map(([alias, target]) => [foldCase(alias), target])),
    }));
}
