import { existsSync } from "node:fs";
import { ConflictError, FailedPreconditionError, messageOf, NotFoundError } from "#base/errors.ts";
import { parseAddressWithPrefix } from "#base/ip.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { LinkOp, Netlink } from "#host/netlink.ts";
import type {
  EndpointRecord,
  EndpointRequest,
  NetworkDriver,
  NetworkRules,
} from "#networks/driver.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import type { OwnDevices } from "#networks/own-devices.ts";
import { plannedEndpoint } from "#networks/planned-endpoint.ts";
import { setUpInterface } from "#networks/set-up-interface.ts";
import type { Plugins } from "#plugins/plugins.ts";
import {
  END_TIMEOUT_MS,
  type EndpointIds,
  type EndpointOptions,
  NetworkPlugin,
  type PluginJoin,
} from "./network-plugin.ts";

export interface RemoteDriverOptions {
  readonly plugins: Plugins;
  readonly netlink: Netlink;
  readonly namespaces: Namespaces;
  readonly devices: Pick<OwnDevices, "alias">;
  readonly warn: (message: string) => void;
}

/**
 * Networks of plugins. A plugin makes a device on the host and says its name; the engine moves it into the container
 * and gives it its addresses. Plugins keep their networks themselves: they are told of each once, and of a daemon's
 * restart not at all, as by Docker.
 */
export class RemoteDriver implements NetworkDriver {
  readonly hasAddresses = true;
  readonly #options: RemoteDriverOptions;

  constructor(options: RemoteDriverOptions) {
    this.#options = options;
  }

  /** @throws {NotFoundError} With Docker's text. {UnavailableError} It does not answer. */
  async checkCreate({ driver }: NetworkRecord): Promise<Pick<NetworkRecord, "scope">> {
    const plugin = await this.#plugin(driver);
    return { scope: await plugin.scope() };
  }

  async #plugin(name: string, signal?: AbortSignal): Promise<NetworkPlugin> {
    return await NetworkPlugin.find(this.#options.plugins, name, signal);
  }

  /** For what ends, and waits for nobody long. */
  async #endingPlugin(name: string): Promise<NetworkPlugin> {
    return await this.#plugin(name, AbortSignal.timeout(END_TIMEOUT_MS));
  }

  async bringUp(network: NetworkRecord, occasion: "create" | "restart"): Promise<void> {
    if (occasion === "restart") return;
    const plugin = await this.#plugin(network.driver);
    await plugin.createNetwork(network);
  }

  /** A plugin that refuses, or is not there, does not keep a network from going: that is said, as by Docker. */
  async takeDown(
    network: NetworkRecord,
    _others: unknown,
    occasion: "remove" | "end",
  ): Promise<void> {
    if (occasion === "end") return;
    await this.#orSay(`delete network ${network.name}`, async () => {
      const plugin = await this.#endingPlugin(network.driver);
      await plugin.deleteNetwork(network.id);
    });
  }

  async #orSay(what: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#options.warn(`Cannot ${what}: ${messageOf(error)}`);
      return false;
    }
  }

  rules(): NetworkRules | undefined {
    return undefined;
  }

  hostDevices(): readonly string[] {
    return [];
  }

  planEndpoint(network: NetworkRecord, request: EndpointRequest): EndpointRecord {
    const { driverOptions } = request.attachment ?? {};
    return {
      ...plannedEndpoint(network, request),
      macAddress: request.macAddress ?? "",
      hasNoPorts: true,
      ...(driverOptions ? { driverOptions } : {}),
      ...(request.ports?.length ? { portRequests: request.ports } : {}),
    };
  }

  /** What was recorded is at the plugin, or was never told to it. */
  restoreEndpoint(): void {}

  async attachEndpoint(
    network: NetworkRecord,
    endpoint: EndpointRecord,
    namespacePath: string,
    routes: readonly (4 | 6)[],
  ): Promise<EndpointRecord> {
    const plugin = await this.#plugin(network.driver);
    const ids: EndpointIds = { networkId: network.id, endpointId: endpoint.id };
    const made = await plugin.createEndpoint({
      ...ids,
      options: optionsOf(endpoint),
      wanted: {
        address: endpoint.ipAddress === "" ? "" : `${endpoint.ipAddress}/${endpoint.prefixLength}`,
        addressIpv6:
          endpoint.ipv6Address === undefined
            ? ""
            : `${endpoint.ipv6Address}/${endpoint.ipv6PrefixLength}`,
        macAddress: endpoint.macAddress,
      },
    });
    const joined = await plugin.join(ids, namespacePath, optionsOf(endpoint));
    const { sourceName } = joined;
    const settled: EndpointRecord = {
      ...endpoint,
      ...addressesOf(made),
      macAddress: made.macAddress,
      gateway: joined.gateway,
      ...(joined.ipv6Gateway === "" ? {} : { ipv6Gateway: joined.ipv6Gateway }),
    };
    if (sourceName === "") return withoutDevice(settled);
    const interfaceName = this.#nameFor(endpoint, joined, namespacePath);
    const place = { namespacePath, name: interfaceName, routes: routesOf(joined, routes) };
    const moved = await this.#moveIn({ ...settled, interfaceName, sourceName }, joined, place);
    return await this.setWayOut(network, moved, place.routes.length > 0);
  }

  async setWayOut(
    network: NetworkRecord,
    endpoint: EndpointRecord,
    isWayOut: boolean,
  ): Promise<EndpointRecord> {
    if (isWayOut === (endpoint.isWayOut ?? false)) return endpoint;
    const ids: EndpointIds = { networkId: network.id, endpointId: endpoint.id };
    const { isWayOut: _, ...rest } = endpoint;
    const verb = isWayOut ? "programming" : "revoking";
    try {
      const plugin = await this.#plugin(network.driver);
      if (isWayOut) await plugin.programExternalConnectivity(ids, optionsOf(endpoint));
      else await plugin.revokeExternalConnectivity(ids);
    } catch (cause) {
      throw new FailedPreconditionError(
        `driver failed ${verb} external connectivity on endpoint ${endpoint.id.slice(0, 12)} ` +
          `of network ${network.name}: ${messageOf(cause)}`,
        { cause },
      );
    }
    return isWayOut ? { ...rest, isWayOut } : rest;
  }

  /** The planned name where the plugin has no other wish, else its prefix with the first number that is free. */
  #nameFor(
    { interfaceName = "" }: EndpointRecord,
    { targetPrefix }: PluginJoin,
    namespacePath: string,
  ): string {
    if (targetPrefix === "eth" || !/^eth\d+$/.test(interfaceName)) return interfaceName;
    const taken = new Set(this.#options.netlink.links(namespacePath).map(({ name }) => name));
    let index = 0;
    while (taken.has(`${targetPrefix}${index}`)) index += 1;
    return `${targetPrefix}${index}`;
  }

  async #moveIn(
    endpoint: EndpointRecord,
    { routes, sourceName }: PluginJoin,
    place: {
      readonly namespacePath: string;
      readonly name: string;
      readonly routes: readonly (4 | 6)[];
    },
  ): Promise<EndpointRecord> {
    const { netlink, namespaces, devices } = this.#options;
    const link = netlink.link(sourceName);
    if (!link) {
      throw new NotFoundError(
        `NetworkDriver.Join: the plugin of network ${endpoint.networkName} answered device "${sourceName}", which is not there`,
      );
    }
    if (link.alias === devices.alias) {
      throw new ConflictError(
        `NetworkDriver.Join: the plugin of network ${endpoint.networkName} answered device "${sourceName}", which is the engine's own`,
      );
    }
    const { namespacePath, name } = place;
    const { macAddress } = endpoint;
    await netlink.applyAside([{ kind: "move-link", name: sourceName, to: name, namespacePath }]);
    if (macAddress !== "") netlink.apply([{ kind: "set-mac", name, macAddress }], namespacePath);
    setUpInterface({ netlink, namespaces }, endpoint, place, place.routes);
    const ops = routes.map(
      ({ destination, nextHop }): LinkOp => ({
        kind: "add-route",
        destination,
        name,
        ...(nextHop === "" ? {} : { gateway: nextHop }),
      }),
    );
    if (ops.length > 0) netlink.apply(ops, namespacePath);
    const seen = netlink.link(name, namespacePath)?.macAddress ?? "";
    return { ...endpoint, macAddress: macAddress === "" ? seen : macAddress };
  }

  isEndpointAttached(
    { interfaceName, sourceName }: EndpointRecord,
    namespacePath: string | undefined,
  ): boolean {
    // planned with a device, and not joined yet
    if (sourceName === undefined) return interfaceName === undefined;
    if (!interfaceName || namespacePath === undefined || !existsSync(namespacePath)) return false;
    return this.#options.netlink.link(interfaceName, namespacePath) !== undefined;
  }

  isEndpointReady(): boolean {
    return true;
  }

  /** The device goes back to where the plugin had it, which then takes it away. */
  async detachEndpoint(
    endpoint: EndpointRecord,
    namespacePath: string | undefined,
    network: NetworkRecord | undefined,
  ): Promise<void> {
    if (!network) return;
    const ids: EndpointIds = { networkId: network.id, endpointId: endpoint.id };
    const what = `take endpoint ${endpoint.id.slice(0, 12)} off network ${network.name}`;
    if (endpoint.isWayOut) {
      await this.#orSay(what, async () => {
        const plugin = await this.#endingPlugin(network.driver);
        await plugin.revokeExternalConnectivity(ids);
      });
    }
    const hasLeft = await this.#orSay(what, async () => {
      const plugin = await this.#endingPlugin(network.driver);
      await plugin.leave(ids);
    });
    // a plugin that is away cannot take it: it ends with the namespace then
    if (hasLeft) await this.#moveOut(endpoint, namespacePath);
    await this.#orSay(what, async () => {
      const plugin = await this.#endingPlugin(network.driver);
      await plugin.deleteEndpoint(ids);
    });
  }

  async #moveOut(endpoint: EndpointRecord, namespacePath: string | undefined): Promise<void> {
    const { netlink, warn } = this.#options;
    const { interfaceName: name, sourceName: to } = endpoint;
    if (to === undefined || !name || namespacePath === undefined) return;
    if (!this.isEndpointAttached(endpoint, namespacePath) || netlink.link(to)) return;
    try {
      const move: LinkOp = { kind: "move-link", name, to, namespacePath: "/proc/self/ns/net" };
      await netlink.applyAside([move], namespacePath);
    } catch (error) {
      if (error instanceof NotFoundError) return; // the plugin took it meanwhile
      if (!(error instanceof FailedPreconditionError) && !(error instanceof ConflictError))
        throw error;
      warn(`Cannot give device ${to} back to network ${endpoint.networkName}: ${messageOf(error)}`);
    }
  }
}

function optionsOf({ driverOptions = {}, portRequests = [] }: EndpointRecord): EndpointOptions {
  return { driverOptions, ports: portRequests };
}

/** Of the families that get their default route here, those that the plugin gave a gateway for. */
function routesOf(
  { gateway, ipv6Gateway }: PluginJoin,
  routes: readonly (4 | 6)[],
): readonly (4 | 6)[] {
  return routes.filter((family) => (family === 4 ? gateway : ipv6Gateway) !== "");
}

function addressesOf(made: {
  readonly address: string;
  readonly addressIpv6: string;
}): Partial<EndpointRecord> {
  const part = (text: string): { readonly address: string; readonly bits: number } => {
    const bits = parseAddressWithPrefix(text).subnet.prefixLength;
    return { address: text.slice(0, text.indexOf("/")), bits };
  };
  const ipv4 = made.address === "" ? undefined : part(made.address);
  const ipv6 = made.addressIpv6 === "" ? undefined : part(made.addressIpv6);
  return {
    ...(ipv4 ? { ipAddress: ipv4.address, prefixLength: ipv4.bits } : {}),
    ...(ipv6 ? { ipv6Address: ipv6.address, ipv6PrefixLength: ipv6.bits } : {}),
  };
}

/** The plugin puts nothing into the container: there is nothing to give addresses to. */
function withoutDevice({ interfaceName: _, ...endpoint }: EndpointRecord): EndpointRecord {
  return { ...endpoint, gateway: "" };
}
