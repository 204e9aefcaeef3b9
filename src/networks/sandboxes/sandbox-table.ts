import { messageOf } from "#base/errors.ts";
import type { NetworkCatalog } from "#networks/catalog.ts";
import type { NameServers } from "#networks/dns/name-servers.ts";
import type { EndpointRecord, NetworkDriver, NetworkDrivers } from "#networks/driver.ts";
import type { Ipam } from "#networks/ipam/ipam.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import type { SandboxRecord } from "#networks/records.ts";
import type { NetworkId } from "#spec/ids.ts";
import type { Collection } from "#store/store.ts";
import { type LiveSandbox, targetsOf } from "./live-sandbox.ts";

export interface SandboxTableOptions {
  readonly catalog: NetworkCatalog;
  readonly drivers: NetworkDrivers;
  readonly ipam: Ipam;
  readonly sandboxes: Collection<SandboxRecord>;
  readonly nameServers: Pick<NameServers, "put" | "remove">;
  /** Reports what goes on all the same. */
  readonly warn: (message: string) => void;
}

/** The sandboxes that there are, by container, their addresses and names taken; in memory and as records. */
export class SandboxTable {
  readonly #options: SandboxTableOptions;
  readonly #live = new Map<string, LiveSandbox>();
  /** Endpoints whose sandbox is not recorded yet: their networks are in use already. */
  readonly planned: Set<Pick<EndpointRecord, "id" | "networkId">> = new Set();

  /** Takes the addresses of all recorded sandboxes; which of them live is for `reconcile` to learn. */
  constructor(options: SandboxTableOptions) {
    this.#options = options;
    for (const [containerId, record] of options.sandboxes.entries()) {
      this.#adoptAddresses(record);
      this.#live.set(containerId, { record, held: [], targets: targetsOf(record) });
    }
  }

  get(containerId: string): LiveSandbox | undefined {
    return this.#live.get(containerId);
  }

  has(containerId: string): boolean {
    return this.#live.has(containerId);
  }

  all(): readonly LiveSandbox[] {
    return [...this.#live.values()];
  }

  /** In memory alone. */
  set(live: LiveSandbox): void {
    this.#live.set(live.record.containerId, live);
  }

  put(record: SandboxRecord): void {
    this.#options.sandboxes.put(record.containerId, record);
  }

  /** The record and what is in memory. */
  delete(containerId: string): void {
    this.#options.sandboxes.delete(containerId);
    this.#live.delete(containerId);
  }

  networkOf(endpoint: EndpointRecord): NetworkRecord | undefined {
    return this.#options.catalog.get(endpoint.networkId);
  }

  driverOf(endpoint: EndpointRecord): NetworkDriver | undefined {
    const network = this.networkOf(endpoint);
    return network && this.#options.drivers.of(network);
  }

  /** One that cannot be given back, to a plugin that is away, is said and holds nobody up. */
  async releaseAddress(endpoint: EndpointRecord): Promise<void> {
    const { ipam, drivers, warn } = this.#options;
    const network = this.networkOf(endpoint);
    if (!network || !drivers.of(network).hasAddresses) return;
    try {
      await ipam.release(network, endpoint);
    } catch (error) {
      warn(
        `Cannot give address ${endpoint.ipAddress} of network ${network.name} back: ${messageOf(error)}`,
      );
    }
  }

  /** Keeps a network while one of its endpoints is planned. */
  claim(endpoint: Pick<EndpointRecord, "id" | "networkId">): Disposable {
    this.planned.add(endpoint);
    return { [Symbol.dispose]: () => void this.planned.delete(endpoint) };
  }

  /** Endpoints on a network, those that are on their way to it included. */
  endpointsOn(
    networkId: NetworkId,
  ): readonly { readonly name: string; readonly endpoint: Pick<EndpointRecord, "id"> }[] {
    const isOn = (endpoint: Pick<EndpointRecord, "networkId">): boolean =>
      endpoint.networkId === networkId;
    const active = this.all().flatMap(({ record }) =>
      record.endpoints.filter(isOn).map((endpoint) => ({ name: record.containerName, endpoint })),
    );
    const coming = [...this.planned].filter(isOn).map((endpoint) => ({ name: "", endpoint }));
    return [...active, ...coming];
  }

  hasJoiners({ containerId }: SandboxRecord): boolean {
    return this.all().some(
      ({ record: { mode } }) => mode.kind === "container" && mode.containerId === containerId,
    );
  }

  tell(record: SandboxRecord): void {
    tellNames(this.#options.nameServers, record);
  }

  forgetName(containerId: string, networkId: NetworkId): void {
    this.#options.nameServers.remove(networkId, containerId);
  }

  forgetNames({ containerId, endpoints }: SandboxRecord): void {
    for (const { networkId } of endpoints) this.forgetName(containerId, networkId);
  }

  #adoptAddresses(record: SandboxRecord): void {
    for (const endpoint of record.endpoints) {
      const network = this.networkOf(endpoint);
      if (!network || !this.#options.drivers.of(network).hasAddresses) continue;
      try {
        this.#options.ipam.adopt(network, endpoint);
      } catch (error) {
        this.#options.warn(
          `Container ${record.containerName} keeps address ${endpoint.ipAddress} of an earlier network: ` +
            messageOf(error),
        );
      }
    }
  }
}

/** Puts the names of a sandbox's container into the table of names. */
export function tellNames(
  nameServers: Pick<NameServers, "put">,
  { containerId, endpoints }: SandboxRecord,
): void {
  for (const { networkId, aliases, ipAddress, ipv6Address = "" } of endpoints) {
    const addresses = [ipAddress, ipv6Address].filter((text) => text !== "");
    if (aliases.length === 0 || addresses.length === 0) continue;
    nameServers.put(networkId, { containerId, addresses, names: aliases });
  }
}
