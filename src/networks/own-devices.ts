import type { LinkOp, LinkState, Netlink } from "#host/netlink.ts";
import type { NetworkId } from "#spec/ids.ts";
import type { Collection } from "#store/store.ts";
import type { DeviceIntent } from "./records.ts";

/** What a Wharf engine writes as alias of each device that it makes. */
export function aliasOf(engineId: string): string {
  return `wharf:${engineId}`;
}

/**
 * Devices that networks stand on and that the engine makes. The kernel takes a device's alias only after making it:
 * without a note before, a crash between the two would leave a device that looks like somebody else's.
 */
export class OwnDevices {
  readonly alias: string;
  readonly #netlink: Netlink;
  readonly #intents: Collection<DeviceIntent>;

  constructor(options: {
    readonly netlink: Netlink;
    readonly engineId: string;
    readonly intents: Collection<DeviceIntent>;
  }) {
    this.alias = aliasOf(options.engineId);
    this.#netlink = options.netlink;
    this.#intents = options.intents;
  }

  /** Runs `make`, which makes the device and gives it the alias. */
  make(name: string, networkId: NetworkId, make: () => void): void {
    this.#intents.put(name, { networkId });
    try {
      make();
    } finally {
      this.#intents.delete(name);
    }
  }

  /** Gives a device its alias that an earlier daemon was killed before it could. */
  adopt(name: string): void {
    if (this.#intents.get(name) === undefined) return;
    const link = this.#netlink.link(name);
    if (link && !link.alias) {
      this.#netlink.apply([{ kind: "set-alias", name, alias: this.alias } satisfies LinkOp]);
    }
    this.#intents.delete(name);
  }

  /** As it is, where it is the engine's. */
  find(name: string): LinkState | undefined {
    this.adopt(name);
    const link = this.#netlink.link(name);
    return link?.alias === this.alias ? link : undefined;
  }

  /** Deletes it where it is the engine's. */
  async remove(name: string): Promise<void> {
    if (this.find(name)) await this.#netlink.deleteLink(name);
  }
}
