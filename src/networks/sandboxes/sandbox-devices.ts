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

  attach(record: SandboxRecord, endpoint: EndpointRecord): void {
    const { table } = this.#options;
    const network = table.networkOf(endpoint);
    const { namespacePath } = record;
    if (namespacePath === undefined || !network) return;
    const routes = routesBy(endpoint, record.endpoints);
    table.driverOf(endpoint)?.attachEndpoint(network, endpoint, namespacePath, routes);
  }

  /** Cuts an endpoint off and takes its device away from a namespace that lives on. */
  async remove(endpoint: EndpointRecord): Promise<void> {
    this.#options.table.driverOf(endpoint)?.detachEndpoint(endpoint);
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
  restore(record: SandboxRecord): void {
    for (const endpoint of record.endpoints) {
      const network = this.#options.table.networkOf(endpoint);
      const driver = this.#options.table.driverOf(endpoint);
      if (!network || !driver) continue;
      if (driver.isEndpointAttached(endpoint)) driver.restoreEndpoint(network, endpoint);
      else this.#attachAgain(record, network, endpoint);
    }
  }

  /** A daemon was killed while it connected the container: recorded, not done. */
  #attachAgain(record: SandboxRecord, network: NetworkRecord, endpoint: EndpointRecord): void {
    const { namespacePath, containerName } = record;
    if (namespacePath === undefined || !existsSync(namespacePath)) return;
    try {
      this.attach(record, endpoint);
    } catch (error) {
      this.#options.warn(
        `Cannot connect ${containerName} to network ${network.name}: ${messageOf(error)}`,
      );
    }
  }

  /** The devices go with the namespace, soon. */
  dropNamespace(record: SandboxRecord): void {
    const { table, sweeper, namespaces } = this.#options;
    for (const endpoint of record.endpoints) {
      table.driverOf(endpoint)?.detachEndpoint(endpoint);
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
