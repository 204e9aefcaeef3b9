import { formatIp, tryParseIp } from "#base/ip.ts";
import type { NetworkId } from "#spec/ids.ts";
import { foldCase } from "./wire/name.ts";

/** A container on a network, as its neighbours look for it. */
export interface NamedEndpoint {
  readonly containerId: string;
  /** IPv4 and IPv6. */
  readonly addresses: readonly string[];
  readonly names: readonly string[];
}

/** What the names of one network lead to, and its addresses back. */
interface NetworkNames {
  readonly byContainer: Map<string, NamedEndpoint>;
  readonly byName: Map<string, Set<NamedEndpoint>>;
  readonly byAddress: Map<string, NamedEndpoint>;
}

/**
 * Who is called what on which network: what the DNS of the containers answers from. Names compare without case;
 * a name may be that of several containers.
 */
export class NameTable {
  readonly #networks = new Map<NetworkId, NetworkNames>();
  #version = 0;

  /** Another after each change. */
  get version(): number {
    return this.#version;
  }

  /** Adds the endpoint, in place of what the container had on the network. */
  put(networkId: NetworkId, endpoint: NamedEndpoint): void {
    this.remove(networkId, endpoint.containerId);
    const network = this.#networks.get(networkId) ?? newNetwork();
    this.#networks.set(networkId, network);
    network.byContainer.set(endpoint.containerId, endpoint);
    for (const name of endpoint.names.map(foldCase)) {
      const bearers = network.byName.get(name) ?? new Set();
      network.byName.set(name, bearers.add(endpoint));
    }
    for (const address of endpoint.addresses) {
      network.byAddress.set(canonicalAddress(address), endpoint);
    }
    this.#version += 1;
  }

  remove(networkId: NetworkId, containerId: string): void {
    const network = this.#networks.get(networkId);
    const endpoint = network?.byContainer.get(containerId);
    if (!network || !endpoint) return;
    network.byContainer.delete(containerId);
    for (const name of endpoint.names.map(foldCase)) {
      const bearers = network.byName.get(name);
      bearers?.delete(endpoint);
      if (bearers?.size === 0) network.byName.delete(name);
    }
    for (const address of endpoint.addresses.map(canonicalAddress)) {
      // somebody else may have been given it meanwhile
      if (network.byAddress.get(address) === endpoint) network.byAddress.delete(address);
    }
    if (network.byContainer.size === 0) this.#networks.delete(networkId);
    this.#version += 1;
  }

  /** Addresses of all that have the name on the network, both families; none where nobody has it. */
  addressesOf(networkId: NetworkId, name: string): readonly string[] {
    const bearers = this.#networks.get(networkId)?.byName.get(foldCase(name));
    return [...(bearers ?? [])].flatMap(({ addresses }) => addresses);
  }

  /** First name of the container that has the address on the network. */
  nameOf(networkId: NetworkId, address: string): string | undefined {
    return this.#networks.get(networkId)?.byAddress.get(canonicalAddress(address))?.names[0];
  }
}

function newNetwork(): NetworkNames {
  return { byContainer: new Map(), byName: new Map(), byAddress: new Map() };
}

function canonicalAddress(text: string): string {
  const address = tryParseIp(text);
  return address ? formatIp(address) : text;
}
