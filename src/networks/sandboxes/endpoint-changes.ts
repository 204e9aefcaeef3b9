import { ConflictError, invariant, messageOf, PermissionDeniedError } from "#base/errors.ts";
import type { EndpointRecord } from "#networks/driver.ts";
import { routesBy } from "#networks/gateway-endpoint.ts";
import type { Attachment, EndpointChange, PortRequest, PublishedPort } from "#networks/networks.ts";
import type { SandboxRecord } from "#networks/records.ts";
import type { Conntrack } from "#host/conntrack.ts";
import type { NetworkId } from "#spec/ids.ts";
import type { SandboxDevices } from "./sandbox-devices.ts";
import type { SandboxDns } from "./sandbox-dns.ts";
import type { SandboxOpener } from "./sandbox-opener.ts";
import type { SandboxPorts } from "./sandbox-ports.ts";
import type { SandboxTable } from "./sandbox-table.ts";

export interface EndpointChangesOptions {
  readonly table: SandboxTable;
  readonly devices: SandboxDevices;
  readonly ports: SandboxPorts;
  readonly opener: Pick<SandboxOpener, "networkToJoin" | "planEndpoint">;
  readonly conntrack: Conntrack;
  readonly warn: (message: string) => void;
  readonly dns: SandboxDns;
}

/** Containers that run come to networks, leave them, and are called otherwise there. */
export class EndpointChanges {
  readonly #options: EndpointChangesOptions;

  constructor(options: EndpointChangesOptions) {
    this.#options = options;
  }

  /** @see Networks.connect */
  async connect(containerId: string, attachment: Attachment): Promise<EndpointChange> {
    const { table, devices, opener } = this.#options;
    const live = table.get(containerId);
    if (!live || live.closing) {
      throw new ConflictError(`Cannot connect container ${containerId}: it has no sandbox`);
    }
    const network = opener.networkToJoin(attachment);
    const { record } = live;
    if (record.endpoints.some(({ networkId }) => networkId === network.id)) {
      throw new PermissionDeniedError(
        `endpoint with name ${record.containerName} already exists in network ${network.name}`,
      );
    }
    const endpoint = await opener.planEndpoint(
      network,
      { containerId, ports: record.ports.map(askedFor) },
      record.endpoints,
      attachment,
    );
    const after: SandboxRecord = { ...record, endpoints: [...record.endpoints, endpoint] };
    return this.#change({
      before: record,
      after,
      endpoint,
      act: async () => {
        if (record.namespacePath === undefined) return after;
        const made = await devices.attach(after, endpoint);
        await devices.becomeReady([made]);
        devices.announce(record, [made]);
        return devices.settle(after, [...record.endpoints, made]);
      },
      undo: () => devices.remove(record, endpoint),
      release: () => table.releaseAddress(endpoint),
    });
  }

  /** @see Networks.disconnect */
  disconnect(
    containerId: string,
    networkId: NetworkId,
    options: { readonly isForced: boolean } = { isForced: false },
  ): EndpointChange | undefined {
    const { table, devices, conntrack, warn } = this.#options;
    const live = table.get(containerId);
    const endpoint = live?.record.endpoints.find((one) => one.networkId === networkId);
    if (!live || live.closing || !endpoint) return undefined;
    const { record } = live;
    const after: SandboxRecord = {
      ...record,
      endpoints: record.endpoints.filter((one) => one !== endpoint),
    };
    return this.#change({
      before: record,
      after,
      endpoint,
      act: async () => {
        try {
          await devices.remove(record, endpoint);
        } catch (error) {
          if (!options.isForced) throw error;
          warn(
            `Cannot take the device of ${record.containerName} off network ${endpoint.networkName}: ${messageOf(error)}`,
          );
        }
        for (const address of [endpoint.ipAddress, endpoint.ipv6Address ?? ""]) {
          if (address !== "") await conntrack.forget({ kind: "answered-by", address });
        }
        devices.moveRoutes(after);
        await table.releaseAddress(endpoint);
        return after;
      },
      undo: async () => {},
      release: async () => {},
    });
  }

  /** The way out may be another endpoint's now. A plugin that refuses is said, and the change stays. */
  async #tellOfWayOut(record: SandboxRecord): Promise<void> {
    const { table, warn } = this.#options;
    const endpoints: EndpointRecord[] = [];
    for (const endpoint of record.endpoints) {
      const network = table.networkOf(endpoint);
      const driver = table.driverOf(endpoint);
      const isWayOut = routesBy(endpoint, record.endpoints).length > 0;
      try {
        const told = network && (await driver?.setWayOut?.(network, endpoint, isWayOut));
        endpoints.push(told ?? endpoint);
      } catch (error) {
        warn(`Network ${endpoint.networkName} of ${record.containerName}: ${messageOf(error)}`);
        endpoints.push(endpoint);
      }
    }
    const live = table.get(record.containerId);
    if (!live || endpoints.every((endpoint, index) => endpoint === record.endpoints[index])) return;
    const told = { ...record, endpoints };
    table.put(told);
    table.set({ ...live, record: told });
  }

  /** @see Networks.renameEndpoint */
  rename(containerId: string, networkId: NetworkId, dnsNames: readonly string[]): void {
    const { table } = this.#options;
    const live = table.get(containerId);
    const endpoint = live?.record.endpoints.find((one) => one.networkId === networkId);
    if (!live || !endpoint) return;
    const endpoints = live.record.endpoints.map((one) =>
      one === endpoint ? { ...one, aliases: dnsNames } : one,
    );
    const record = { ...live.record, endpoints };
    table.put(record);
    table.set({ ...live, record });
    table.tell(record);
  }

  #change(change: {
    readonly before: SandboxRecord;
    readonly after: SandboxRecord;
    readonly endpoint: EndpointRecord;
    /** @returns The sandbox as it came to be. */
    readonly act: () => Promise<SandboxRecord>;
    readonly undo: () => Promise<void>;
    readonly release: () => Promise<void>;
  }): EndpointChange {
    const { before, after, endpoint } = change;
    const { containerId } = before;
    const { table, ports, dns } = this.#options;
    const claim = table.claim(endpoint);
    let isApplied = false;
    return {
      endpoint,
      record: (which) => table.put(which === "after" ? { ...after, unfinished: endpoint } : before),
      apply: async () => {
        try {
          const made = await change.act();
          const live = table.get(containerId);
          invariant(live, `container ${containerId} has a sandbox`);
          table.forgetName(containerId, endpoint.networkId);
          table.tell(made);
          await dns.bringUp(made);
          await ports.move(live, made);
          table.put(made);
          await this.#tellOfWayOut(made);
        } catch (error) {
          await change.undo();
          table.forgetName(containerId, endpoint.networkId);
          table.tell(before);
          await dns.bringUp(before);
          throw error;
        }
        isApplied = true;
      },
      [Symbol.asyncDispose]: async () => {
        claim[Symbol.dispose]();
        if (!isApplied) await change.release();
      },
    };
  }
}

/** A published port as the wish that it came of. */
function askedFor({ protocol, containerPort, hostAddress, hostPort }: PublishedPort): PortRequest {
  const range = hostPort === 0 ? 0 : { first: hostPort, last: hostPort };
  return { protocol, containerPort, hostAddress, hostPort: range };
}
