import { ConflictError, ResourceExhaustedError } from "#base/errors.ts";
import { type Cidr, type IpAddress, blockSize, contains, formatCidr, formatIp } from "#base/ip.ts";

/**
 * Addresses of one subnet: who has which is the owner's to remember; this only says which are free.
 * The lowest free one is given, as docker does, so that addresses stay small and predictable.
 */
export class AddressPool {
  readonly #subnet: Cidr;
  readonly #range: Cidr;
  readonly #taken = new Set<bigint>();
  /** Nothing below it is free. */
  #lowest: bigint;

  /**
   * @param range Part of the subnet that containers get addresses of (`--fixed-cidr`); all when absent.
   * @param reserved The gateway and others that no container gets.
   */
  constructor(subnet: Cidr, range: Cidr | undefined, reserved: readonly IpAddress[]) {
    this.#subnet = subnet;
    this.#range = range ?? subnet;
    this.#lowest = this.#range.base;
    for (const address of reserved) this.#taken.add(address.value);
    if (blockSize(subnet) > 2n) {
      this.#taken.add(subnet.base);
      // IPv6 has no broadcast address.
      if (subnet.family === 4) this.#taken.add(subnet.base + blockSize(subnet) - 1n);
    }
  }

  get subnet(): Cidr {
    return this.#subnet;
  }

  /** @throws {ResourceExhaustedError} All are taken. */
  take(): IpAddress {
    const end = this.#range.base + blockSize(this.#range);
    for (let value = this.#lowest; value < end; value += 1n) {
      if (this.#taken.has(value)) continue;
      this.#taken.add(value);
      this.#lowest = value + 1n;
      return { family: this.#subnet.family, value };
    }
    this.#lowest = end;
    throw new ResourceExhaustedError(
      `Cannot allocate an address: no available IPv${this.#subnet.family} addresses on this network's ` +
        `address pool ${formatCidr(this.#range)} (${this.#taken.size} in use)`,
    );
  }

  /** @throws {ConflictError} Somebody has it, or it is outside the subnet. */
  takeExactly(address: IpAddress): void {
    if (!contains(this.#subnet, address)) {
      throw new ConflictError(
        `Cannot use address ${formatIp(address)}: it is not in ${formatCidr(this.#subnet)}`,
      );
    }
    if (this.#taken.has(address.value)) throw new ConflictError("Address already in use");
    this.#taken.add(address.value);
  }

  release(address: IpAddress): void {
    if (!contains(this.#subnet, address)) return;
    this.#taken.delete(address.value);
    if (address.value < this.#lowest && contains(this.#range, address)) {
      this.#lowest = address.value;
    }
  }
}
