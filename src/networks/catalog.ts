import { ConflictError, NotFoundError, PermissionDeniedError } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { Netlink } from "#host/netlink.ts";
import { newNetworkId, type NetworkId, type RandomBytes } from "#spec/ids.ts";
import type { Collection } from "#store/store.ts";
import { BRIDGE_OPTION } from "./bridge/bridge-options.ts";
import type { NetworkDrivers } from "./driver.ts";
import type { Firewall } from "./firewall/firewall.ts";
import type { Ipam } from "./ipam/ipam.ts";
import { isOwnIpam } from "./ipam/ipam-table.ts";
import type { SubnetPool } from "./ipam/choose-subnet.ts";
import { takenBlocks } from "./ipam/taken-blocks.ts";
import type { NetworkRecord, NetworkRequest } from "./networks.ts";
import { PREDEFINED_NETWORKS, planNetwork, poolWishes } from "./plan-network.ts";

export interface CatalogOptions {
  readonly engineId: string;
  readonly networks: Collection<NetworkRecord>;
  readonly drivers: NetworkDrivers;
  readonly ipam: Pick<Ipam, "forget" | "requestPools">;
  readonly netlink: Pick<Netlink, "addresses" | "link" | "links" | "routes">;
  readonly firewall: Pick<Firewall, "addNetwork" | "removeNetwork">;
  readonly clock: Pick<Clock, "nowMs">;
  readonly randomBytes: RandomBytes;
  readonly networkPools: readonly SubnetPool[];
  /** Options that a network gets which does not have them, by driver. */
  readonly networkOptions: Readonly<Record<string, NetworkRecord["options"]>>;
}

/**
 * The networks and their records. A record with an `intent` is of a network that is on its way in or out: its name
 * and subnet are taken, and a daemon that finds it at its start takes it away.
 */
export class NetworkCatalog {
  readonly #options: CatalogOptions;
  /** As the records are: reading those for each question takes long where there are thousands. */
  readonly #networks: Map<NetworkId, NetworkRecord>;
  #sorted: readonly NetworkRecord[] | undefined;

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.#networks = new Map(
      options.networks.entries().map(([, network]) => [network.id, network]),
    );
  }

  /** In the order of names. */
  list(): readonly NetworkRecord[] {
    return this.#all().filter(({ intent }) => intent === undefined);
  }

  /** Networks that have something on the host: no configurations. */
  inUse(): readonly NetworkRecord[] {
    return this.list().filter(({ configOnly }) => !configOnly);
  }

  get(id: NetworkId): NetworkRecord | undefined {
    return this.#networks.get(id);
  }

  /** By name, id or unambiguous id prefix. */
  resolve(reference: string): NetworkRecord {
    const networks = this.list();
    const exact =
      networks.find(({ name }) => name === reference) ??
      networks.find(({ id }) => id === reference);
    if (exact) return exact;
    const matches = reference === "" ? [] : networks.filter(({ id }) => id.startsWith(reference));
    if (matches.length > 1) {
      throw new ConflictError(
        `network ${reference} is ambiguous (${matches.length} matches found based on ID prefix)`,
      );
    }
    if (!matches[0]) throw new NotFoundError(`network ${reference} not found`);
    return matches[0];
  }

  async create(request: NetworkRequest): Promise<NetworkRecord> {
    const { drivers, firewall } = this.#options;
    const network = this.#plan(request);
    if (network.configOnly) {
      this.#put(network);
      return network;
    }
    // the name and the subnets are taken from here on, whatever a plugin has to be asked for
    this.#put({ ...network, intent: "create" });
    const driver = drivers.of(network);
    let made = network;
    try {
      made = { ...network, ...(await driver.checkCreate(network, this.#othersThan(network))) };
    } catch (error) {
      this.#delete(network.id);
      throw error;
    }
    try {
      made = await this.#withPools(made);
      await driver.bringUp(made, "create");
      const rules = driver.rules(made);
      if (rules) await firewall.addNetwork(rules);
      this.#put(made);
    } catch (error) {
      await this.#takeAway(this.get(network.id) ?? made);
      throw error;
    }
    return made;
  }

  /** With the subnets of who gives them, where that is not the engine. */
  async #withPools(network: NetworkRecord): Promise<NetworkRecord> {
    if (isOwnIpam(network.ipamDriver)) return network;
    const pending = { ...network, intent: "create" as const };
    const wishes = poolWishes(network);
    const pools = await this.#options.ipam.requestPools(pending, wishes, (given) => {
      this.#put({ ...pending, pools: given });
    });
    return { ...network, pools };
  }

  #plan(request: NetworkRequest): NetworkRecord {
    const { netlink, clock, randomBytes, engineId, networkPools, networkOptions } = this.#options;
    const host = {
      get links() {
        return netlink.links();
      },
      addresses: netlink.addresses(),
      routes: netlink.routes(),
    };
    const bridgeName = request.options[BRIDGE_OPTION.bridgeName];
    const networks = this.#all();
    const used = networks.find(({ options }) => options[BRIDGE_OPTION.bridgeName] === bridgeName);
    if (bridgeName !== undefined && used) {
      throw new PermissionDeniedError(
        `cannot create network ${request.name}: conflicts with network "${used.name}": both are to use bridge ${bridgeName}`,
      );
    }
    const own = bridgeName === undefined ? undefined : netlink.link(bridgeName);
    return planNetwork(request, {
      engineId,
      identity: { id: newNetworkId(randomBytes), createdMs: clock.nowMs() },
      networks,
      taken: takenBlocks(host, own),
      pools: networkPools,
      defaultOptions: networkOptions,
    });
  }

  /**
   * @param active Those that are on it: `name:"web" id:"0123456789ab"` each.
   * @throws {PermissionDeniedError} Predefined, or somebody is on it.
   */
  async remove(id: NetworkId, active: readonly string[]): Promise<void> {
    const network = this.get(id);
    if (!network || network.intent) throw new NotFoundError(`network ${id} not found`);
    if (PREDEFINED_NETWORKS.has(network.name)) {
      throw new PermissionDeniedError(
        `${network.name} is a pre-defined network and cannot be removed`,
      );
    }
    if (active.length > 0) {
      throw new PermissionDeniedError(
        `error while removing network: network ${network.name} has active endpoints (${active.join(", ")})`,
      );
    }
    const user = network.configOnly
      ? this.#all().find(({ configFrom }) => configFrom === network.name)
      : undefined;
    if (user) {
      throw new PermissionDeniedError(
        `configuration network "${network.name}" is in use by network "${user.name}"`,
      );
    }
    this.#put({ ...network, intent: "remove" });
    await this.#takeAway(network);
  }

  /** What a killed daemon was at: what was not finished goes. */
  async finish(): Promise<void> {
    for (const network of this.#all()) {
      if (network.intent !== undefined) await this.#takeAway(network);
    }
  }

  async #takeAway(network: NetworkRecord): Promise<void> {
    const { drivers, firewall, ipam } = this.#options;
    if (!network.configOnly) {
      const driver = drivers.of(network);
      const rules = driver.rules(network);
      if (rules) await firewall.removeNetwork(rules.key);
      await driver.takeDown(network, this.#othersThan(network), "remove");
      await ipam.forget(network);
    }
    this.#delete(network.id);
  }

  /** What networks have on the host, at the end of an engine that is no longer needed; their records stay. */
  async takeDown(): Promise<void> {
    let left = this.inUse();
    for (const network of left) {
      left = left.filter((other) => other !== network);
      await this.#options.drivers.of(network).takeDown(network, left, "end");
    }
  }

  #othersThan({ id }: NetworkRecord): readonly NetworkRecord[] {
    return this.#all().filter((other) => other.id !== id);
  }

  #put(network: NetworkRecord): void {
    this.#options.networks.put(network.id, network);
    this.#networks.set(network.id, network);
    this.#sorted = undefined;
  }

  #delete(id: NetworkId): void {
    this.#options.networks.delete(id);
    this.#networks.delete(id);
    this.#sorted = undefined;
  }

  #all(): readonly NetworkRecord[] {
    this.#sorted ??= [...this.#networks.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return this.#sorted;
  }
}
