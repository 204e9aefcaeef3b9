import type { EndpointAddresses } from "#networks/driver.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import type { AddressesOfEndpoint, AddressWishes, Ipam } from "./ipam.ts";

/** The engine's own addresses, and those of plugins: each network knows whose it has. */
export class IpamTable implements Ipam {
  readonly #local: Ipam;
  readonly #remote: Ipam;

  constructor(options: { readonly local: Ipam; readonly remote: Ipam }) {
    this.#local = options.local;
    this.#remote = options.remote;
  }

  #of({ ipamDriver }: NetworkRecord): Ipam {
    return isOwnIpam(ipamDriver) ? this.#local : this.#remote;
  }

  async take(network: NetworkRecord, wishes: AddressWishes): Promise<EndpointAddresses> {
    return await this.#of(network).take(network, wishes);
  }

  adopt(network: NetworkRecord, endpoint: AddressesOfEndpoint): void {
    this.#of(network).adopt(network, endpoint);
  }

  async release(network: NetworkRecord, endpoint: AddressesOfEndpoint): Promise<void> {
    await this.#of(network).release(network, endpoint);
  }

  async forget(network: NetworkRecord): Promise<void> {
    await this.#of(network).forget(network);
  }

  async requestPools(
    ...request: Parameters<Ipam["requestPools"]>
  ): ReturnType<Ipam["requestPools"]> {
    return await this.#of(request[0]).requestPools(...request);
  }

  async replay(network: NetworkRecord): Promise<void> {
    await this.#of(network).replay(network);
  }
}

/** Whether an IPAM driver is the engine itself: `default`, and `null`, which gives nothing. */
export function isOwnIpam(driver: string | undefined): boolean {
  return driver === undefined || ["", "default", "null"].includes(driver);
}
