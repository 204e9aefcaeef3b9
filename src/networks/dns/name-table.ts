import type { NetworkId } from "#spec/ids.ts";

/** A container on a network, as its neighbours look for it. */
interface NamedEndpoint {
  readonly containerId: string;
  /** IPv4 and IPv6. */
  readonly addresses: readonly string[];
  readonly names: readonly string[];
}

/**
 * Who is called what on which network: what the DNS of the containers answers from. Names compare without case;
 * a name may be that of several containers.
 */
export class NameTable {
  readonly #networks = new Map<NetworkId, Map<string, NamedEndpoint>>();

  /** Adds the endpoint, in place of what the container had on the network. */
  put(networkId: NetworkId, endpoint: NamedEndpoint): void {
    const endpoints = this.#networks.get(networkId) ?? new Map<string, NamedEndpoint>();
    endpoints.set(endpoint.containerId, {
      ...endpoint,
      names: endpoint.names.map((name) => name.toLowerCase()),
    });
    this.#networks.set(networkId, endpoints);
  }

  remove(networkId: NetworkId, containerId: string): void {
    const endpoints = this.#networks.get(networkId);
    endpoints?.delete(containerId);
    if (endpoints?.size === 0) this.#networks.delete(networkId);
  }

  /** Addresses of all that have the name on the network, both families; none where nobody has it. */
  addressesOf(networkId: NetworkId, name: string): readonly string[] {
    const wanted = name.toLowerCase();
    return [...(this.#networks.get(networkId)?.values() ?? [])]
      .filter(({ names }) => names.includes(wanted))
      .flatMap(({ addresses }) => addresses);
  }

  /** First name of the container that has the address on the network. */
  nameOf(networkId: NetworkId, address: string): string | undefined {
    return this.#networks
      .get(networkId)
      ?.values()
      .find(({ addresses }) => addresses.includes(address))?.names[0];
  }
}
