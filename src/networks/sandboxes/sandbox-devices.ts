import { existsSync } from "node:fs";
import { messageOf } from "#base/errors.ts";
import type { DeviceSweeper } from "#networks/device-sweeper.ts";
import type { EndpointRecord } from "#networks/driver.ts";
import { defaultRoute, gatewayEndpoint, routesBy } from "#networks/gateway-endpoint.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import type { SandboxRecord } from "#networks/records.ts";
import type { Clock } from "#host/clock.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { Netlink } from "#host/netlink.ts";
import type { SandboxTable } from "./sandbox-table.ts";

/** How long an endpoint may take until packets arrive; a busy kernel takes 50. */
const READY_MS = 500;

export interface SandboxDevicesOptions {
  readonly table: SandboxTable;
  readonly sweeper: DeviceSweeper;
  readonly netlink: Netlink;
  readonly namespaces: Namespaces;
  readonly clock: Clock;
  readonly warn: (message: string) => void;
}

/** What is in sandboxes and leads to them: namespaces, devices, default routes. */
export class SandboxDevices {
  readonly #options: SandboxDevicesOptions;

  constructor(options: SandboxDevicesOptions) {
    this.#options = options;
  }

  /** @returns The endpoint as it came to be. */
  async attach(record: SandboxRecord, endpoint: EndpointRecord): Promise<EndpointRecord> {
    const { table } = this.#options;
    const network = table.networkOf(endpoint);
    const { namespacePath } = record;
    if (namespacePath === undefined || !network) return endpoint;
    const routes = routesBy(endpoint, record.endpoints);
    const driver = table.driverOf(endpoint);
    const made = await driver?.attachEndpoint(network, endpoint, namespacePath, routes);
    return made ?? endpoint;
  }

  /** Cuts an endpoint off and takes its device away from a namespace that lives on. */
  async remove(
    { namespacePath }: Pick<SandboxRecord, "namespacePath">,
    endpoint: EndpointRecord,
  ): Promise<void> {
    const { table } = this.#options;
    const network = table.networkOf(endpoint);
    await table.driverOf(endpoint)?.detachEndpoint(endpoint, namespacePath, network);
    if (endpoint.hostLinkName !== undefined) {
      await this.#options.sweeper.remove(endpoint.hostLinkName);
    }
  }

  /** A packet lost here would be sent again a second later: the container's first connection would wait. */
  async becomeReady(endpoints: readonly EndpointRecord[]): Promise<void> {
    const { table, clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + READY_MS;
    for (const endpoint of endpoints) {
      const network = table.networkOf(endpoint);
      const driver = table.driverOf(endpoint);
      if (!network || !driver) continue;
      while (!driver.isEndpointReady(network, endpoint)) {
        if (clock.monotonicMs() > deadlineMs) return;
        await clock.delay(1);
      }
    }
  }

  /**
   * Tells neighbours on bridges who has an address now: they may remember another's MAC address for it. What the
   * device said when it was set up was lost, as its port was not open yet.
   */
  announce(
    { namespacePath }: Pick<SandboxRecord, "namespacePath">,
    endpoints: readonly EndpointRecord[],
  ): void {
    if (namespacePath === undefined) return;
    const ops = endpoints.flatMap(({ hostLinkName, interfaceName, macAddress }) =>
      hostLinkName === undefined || interfaceName === undefined
        ? []
        : [{ kind: "set-mac", name: interfaceName, macAddress } as const],
    );
    if (ops.length > 0) this.#options.netlink.apply(ops, namespacePath);
  }

  /** Records what its drivers made of a sandbox's endpoints, where that is not as it was planned. */
  settle(record: SandboxRecord, endpoints: readonly EndpointRecord[]): SandboxRecord {
    if (endpoints.every((endpoint, index) => endpoint === record.endpoints[index])) return record;
    const settled = { ...record, endpoints };
    this.#options.table.put(settled);
    this.moveRoutes(settled);
    return settled;
  }

  /** The default routes as the endpoints have them now. */
  moveRoutes({ namespacePath, endpoints }: SandboxRecord): void {
    if (namespacePath === undefined) return;
    const ops = ([4, 6] as const).flatMap((family) => {
      const outer = gatewayEndpoint(endpoints, family);
      return outer ? [defaultRoute(outer, family)] : [];
    });
    if (ops.length > 0) this.#options.netlink.apply(ops, namespacePath);
  }

  /** Puts the devices of a sandbox that lives on from another daemon in order. */
  async restore(recorded: SandboxRecord): Promise<SandboxRecord> {
    const record = await this.#finish(recorded);
    const endpoints: EndpointRecord[] = [];
    for (const endpoint of record.endpoints) {
      const network = this.#options.table.networkOf(endpoint);
      const driver = this.#options.table.driverOf(endpoint);
      const isAttached = driver?.isEndpointAttached(endpoint, record.namespacePath) ?? true;
      if (network && isAttached) driver?.restoreEndpoint(network, endpoint);
      const isMissing = network !== undefined && !isAttached;
      endpoints.push(isMissing ? await this.#attachAgain(record, network, endpoint) : endpoint);
    }
    return this.settle(record, endpoints);
  }

  /** Takes away what a killed daemon had made of an endpoint that was coming, or left of one that was going. */
  async #finish({ unfinished, ...record }: SandboxRecord): Promise<SandboxRecord> {
    if (!unfinished) return record;
    try {
      await this.remove(record, unfinished);
      this.moveRoutes(record);
    } catch (error) {
      this.#options.warn(
        `Cannot take ${record.containerName} off network ${unfinished.networkName}: ${messageOf(error)}`,
      );
    }
    this.#options.table.put(record);
    return record;
  }

  /** A daemon was killed while it connected the container: recorded, not done. */
  async #attachAgain(
    record: SandboxRecord,
    network: NetworkRecord,
    endpoint: EndpointRecord,
  ): Promise<EndpointRecord> {
    const { namespacePath, containerName } = record;
    if (namespacePath === undefined || !existsSync(namespacePath)) return endpoint;
    try {
      return await this.attach(record, endpoint);
    } catch (error) {
      this.#options.warn(
        `Cannot connect ${containerName} to network ${network.name}: ${messageOf(error)}`,
      );
      return endpoint;
    }
  }

  /** The devices go with the namespace, soon. What stands in the way of one is said, and holds up no other. */
  async dropNamespace(record: SandboxRecord): Promise<void> {
    const { table, sweeper, namespaces, warn } = this.#options;
    const { unfinished, endpoints } = record;
    const isGoing = unfinished && !endpoints.some(({ id }) => id === unfinished.id);
    for (const endpoint of isGoing ? [...endpoints, unfinished] : endpoints) {
      const network = table.networkOf(endpoint);
      try {
        await table.driverOf(endpoint)?.detachEndpoint(endpoint, record.namespacePath, network);
      } catch (error) {
        warn(
          `Cannot take ${record.containerName} off network ${endpoint.networkName}: ${messageOf(error)}`,
        );
      }
      if (endpoint.hostLinkName !== undefined) sweeper.expectGone(endpoint.hostLinkName);
    }
    if (record.namespacePath !== undefined) namespaces.removeNetwork(record.namespacePath);
  }

  /** The namespace lives on with those who joined it: the kernel will not take the devices away. */
  async removeAll(record: SandboxRecord): Promise<void> {
    for (const { hostLinkName } of record.endpoints) {
      if (hostLinkName !== undefined) await this.#options.sweeper.remove(hostLinkName);
    }
  }
}
