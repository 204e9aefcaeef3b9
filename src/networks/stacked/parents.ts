import {
  ConflictError,
  InvalidArgumentError,
  NotFoundError,
  UnsupportedError,
} from "#base/errors.ts";
import type { Netlink } from "#host/netlink.ts";
import { shortId } from "#spec/ids.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import type { OwnDevices } from "#networks/own-devices.ts";

const PARENT = "parent";
const HIGHEST_VLAN_ID = 4094;

/** `eth0.50`: VLAN 50 of `eth0`. */
export interface SubInterface {
  readonly parent: string;
  readonly vlanId: number;
}

/**
 * Reads the name of a sub-interface.
 *
 * @throws {InvalidArgumentError} With Docker's texts.
 */
export function parseSubInterface(name: string): SubInterface {
  const [, parent = "", digits = ""] = /^(.+)\.([0-9]+)$/.exec(name) ?? [];
  if (parent === "") {
    throw new InvalidArgumentError(
      `invalid subinterface vlan name ${name}, example formatting is eth0.10`,
    );
  }
  const vlanId = Number(digits);
  if (vlanId < 1 || vlanId > HIGHEST_VLAN_ID) {
    throw new InvalidArgumentError(
      `vlan id must be between 1-${HIGHEST_VLAN_ID}, received: ${digits}`,
    );
  }
  return { parent, vlanId };
}

/**
 * The devices that networks of one driver are stacked on: the host's own, sub-interfaces of these for a VLAN, and ones
 * that lead nowhere for networks without a parent. The latter two are made where they are missing, and taken away
 * with the last network that needs them.
 */
export class Parents {
  readonly #netlink: Netlink;
  readonly #devices: OwnDevices;
  readonly #prefix: string;

  /** @param options.prefix Of the names of devices that lead nowhere. */
  constructor(options: {
    readonly netlink: Netlink;
    readonly devices: OwnDevices;
    readonly prefix: string;
  }) {
    this.#netlink = options.netlink;
    this.#devices = options.devices;
    this.#prefix = options.prefix;
  }

  nameFor({ id, options }: Pick<NetworkRecord, "id" | "options">): string {
    return options[PARENT] || `${this.#prefix}${shortId(id)}`;
  }

  /**
   * @throws {InvalidArgumentError} {NotFoundError} {ConflictError} {UnsupportedError} The device cannot be had, or has
   *   another use.
   */
  check(network: NetworkRecord): void {
    const name = this.nameFor(network);
    if (name === "lo") {
      throw new InvalidArgumentError(
        `loopback interface is not a valid ${network.driver} parent link`,
      );
    }
    if (network.options[PARENT] === undefined || network.options[PARENT] === "") return;
    const link = this.#netlink.link(name);
    if (link?.masterIndex !== undefined) {
      const master = this.#netlink.links().find(({ index }) => index === link.masterIndex);
      throw new ConflictError(
        `Cannot use device "${name}" as parent: it belongs to "${master?.name ?? "another device"}"`,
      );
    }
    if (!link) this.#checkSubInterface(name);
  }

  #checkSubInterface(name: string): void {
    const { parent } = parseSubInterface(name);
    if (!this.#netlink.link(parent)) {
      throw new NotFoundError(`-o parent interface was not found on the host: ${parent}`);
    }
    if (!this.#netlink.hasKind("vlan")) {
      throw new UnsupportedError(
        `Cannot make sub-interface "${name}": this kernel has no VLANs (CONFIG_VLAN_8021Q)`,
      );
    }
  }

  bringUp(network: NetworkRecord): void {
    const name = this.nameFor(network);
    const own = this.#devices.find(name);
    if (own?.isUp || (!own && this.#netlink.link(name))) return;
    if (!own) this.#devices.make(name, network.id, () => this.#add(network, name));
    this.#netlink.apply([{ kind: "set-up", name }]);
  }

  #add(network: NetworkRecord, name: string): void {
    const { alias } = this.#devices;
    if (network.options[PARENT]) {
      this.#netlink.apply([{ kind: "add-vlan", name, alias, ...parseSubInterface(name) }]);
      return;
    }
    const type = (["dummy", "ifb"] as const).find((one) => this.#netlink.hasKind(one));
    if (type === undefined) {
      throw new UnsupportedError(
        `Cannot make network "${network.name}": it has no parent, and this kernel has neither dummy nor ifb ` +
          "devices to stand for one: name a device with -o parent=DEVICE",
      );
    }
    this.#netlink.apply([{ kind: "add-placeholder", name, type, alias }]);
  }

  async takeDown(network: NetworkRecord, others: readonly NetworkRecord[]): Promise<void> {
    const name = this.nameFor(network);
    const isShared = others.some(
      (other) => other.options[PARENT] === name && !other.configOnly && other.id !== network.id,
    );
    if (!isShared) await this.#devices.remove(name);
  }
}
