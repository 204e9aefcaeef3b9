import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "#base/fault.ts";
import { aliasOf } from "#networks/own-devices.ts";
import type { NetworkCatalog } from "#networks/catalog.ts";
import type { DeviceSweeper } from "#networks/device-sweeper.ts";
import type { NetworkDrivers } from "#networks/driver.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { Netlink } from "#host/netlink.ts";
import type { SandboxTable } from "./sandbox-table.ts";

export interface LeftoversOptions {
  readonly table: SandboxTable;
  readonly catalog: NetworkCatalog;
  readonly sweeper: DeviceSweeper;
  readonly drivers: NetworkDrivers;
  readonly netlink: Netlink;
  readonly namespaces: Namespaces;
  readonly namespaceDir: string;
  readonly engineId: string;
  readonly firewallDevice?: string;
}

/** Devices with our alias and pins in our folder that no record names. */
export class Leftovers {
  readonly #options: LeftoversOptions;

  constructor(options: LeftoversOptions) {
    this.#options = options;
  }

  async remove(): Promise<void> {
    const { namespaces, sweeper } = this.#options;
    const { links, pins } = this.#find();
    for (const name of links) await sweeper.remove(name);
    for (const path of pins) namespaces.removeNetwork(path);
  }

  #find(): { readonly links: readonly string[]; readonly pins: readonly string[] } {
    const { netlink, namespaceDir, engineId, drivers, table, catalog, sweeper } = this.#options;
    const records = table.all().map(({ record }) => record);
    const keep = new Set<string | undefined>([
      ...records.flatMap(({ endpoints }) => endpoints.map((endpoint) => endpoint.hostLinkName)),
      ...catalog.inUse().flatMap((network) => drivers.of(network).hostDevices(network)),
      ...sweeper.expected(),
      this.#options.firewallDevice,
    ]);
    const own = netlink.links().filter(({ alias }) => alias === aliasOf(engineId));
    const pinned = new Set(records.map(({ namespacePath }) => namespacePath));
    return {
      links: own.map(({ name }) => name).filter((name) => !keep.has(name)),
      pins: readdirSync(namespaceDir)
        .map((name) => join(namespaceDir, name))
        .filter((path) => !pinned.has(path)),
    };
  }

  faults(): readonly Fault[] {
    const { links, pins } = this.#find();
    return [
      ...links.map((name) => this.#linkFault(name)),
      ...pins.map((path) => this.#pinFault(path)),
    ];
  }

  #linkFault(name: string): Fault {
    return {
      kind: "link",
      subject: name,
      explanation: `Device ${name} is this engine's and belongs to no container or network`,
      mend: {
        words: "delete the device",
        apply: async () => {
          if (this.#find().links.includes(name)) await this.#options.sweeper.remove(name);
        },
      },
    };
  }

  #pinFault(path: string): Fault {
    return {
      kind: "namespace",
      subject: path,
      explanation: "The network namespace that is pinned here belongs to no container",
      mend: {
        words: "remove the pin",
        apply: async () => {
          if (this.#find().pins.includes(path)) this.#options.namespaces.removeNetwork(path);
        },
      },
    };
  }
}
