import { existsSync } from "node:fs";
import { messageOf } from "#base/errors.ts";
import type { LocalPorts } from "#host/local-ports.ts";
import type { ZoneNetwork } from "#networks/dns/look-up.ts";
import type { NameServers, ServedContainer } from "#networks/dns/name-servers.ts";
import { hasEmbeddedDns, servesNames } from "#networks/dns/scope.ts";
import { DNS_PORT } from "#networks/dns/upstreams.ts";
import { foldCase } from "#networks/dns/wire/name.ts";
import type { EndpointRecord } from "#networks/driver.ts";
import type { SandboxRecord } from "#networks/records.ts";
import type { SandboxTable } from "./sandbox-table.ts";

export interface SandboxDnsOptions {
  readonly table: Pick<SandboxTable, "networkOf">;
  readonly nameServers: NameServers;
  readonly localPorts: LocalPorts;
  /** Reports what goes on all the same. */
  readonly warn: (message: string) => void;
}

/** Which sandboxes have a DNS server: those that are, or were, on a network of the user's. */
export class SandboxDns {
  readonly #options: SandboxDnsOptions;
  /** Containers whose resolv.conf names the server: once there it stays. */
  readonly #served = new Set<string>();

  constructor(options: SandboxDnsOptions) {
    this.#options = options;
  }

  /**
   * Opens the server where it is needed, or tells it of other networks. What was told of names before is known
   * to it then.
   *
   * @throws {FailedPreconditionError} The kernel has no nftables.
   */
  async bringUp(record: SandboxRecord): Promise<void> {
    const container = this.#servedContainer(record);
    const { containerId } = record;
    if (!container) return;
    if (!this.#served.has(containerId) && !hasEmbeddedDns(record.endpoints)) return;
    this.#served.add(containerId);
    try {
      await this.#options.nameServers.serve(container);
    } catch (error) {
      this.#served.delete(containerId);
      throw error;
    }
  }

  /** For a sandbox that lives on from another daemon: one that was there is opened anew. */
  async takeOver(record: SandboxRecord): Promise<void> {
    const { namespacePath, containerId, containerName } = record;
    if (namespacePath === undefined || !existsSync(namespacePath)) return;
    const { localPorts, warn } = this.#options;
    try {
      if (localPorts.ledTo(namespacePath, { port: DNS_PORT })) this.#served.add(containerId);
      await this.bringUp(record);
    } catch (error) {
      warn(`Container ${containerName} has no name resolution: ${messageOf(error)}`);
    }
  }

  /** To be awaited before the namespace goes, which the server's sockets keep alive. */
  async close(containerId: string): Promise<void> {
    if (this.#served.delete(containerId)) await this.#options.nameServers.close(containerId);
  }

  /** @returns Undefined for a sandbox that has no namespace of its own. */
  #servedContainer(record: SandboxRecord): ServedContainer | undefined {
    const { containerId, namespacePath, endpoints, mode, dns } = record;
    if (namespacePath === undefined || mode.kind !== "bridge") return undefined;
    const { table } = this.#options;
    return {
      containerId,
      namespacePath,
      zone: zoneOf(endpoints),
      servers: dns?.servers ?? [],
      options: dns?.options ?? [],
      hasIpv6: endpoints.some(({ ipv6Address = "" }) => ipv6Address !== ""),
      mayLeave: endpoints.some((one) => table.networkOf(one)?.internal === false),
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
