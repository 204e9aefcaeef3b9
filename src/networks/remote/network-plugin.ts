import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import type { JsonReader } from "#base/json-reader.ts";
import { tryParseAddressWithPrefix, tryParseIp } from "#base/ip.ts";
import type { AddressPoolRecord, NetworkRecord, PortRequest } from "#networks/networks.ts";
import { type CallOptions, PluginRefusedError, RETRY_MS } from "#plugins/client.ts";
import type { Plugin, Plugins } from "#plugins/plugins.ts";

/** Docker's, for each call. */
const TIMEOUT_MS = 30_000;
/** For what ends: a container's end does not wait longer for a plugin that hangs. */
export const END_TIMEOUT_MS = 5000;
const ENDING: CallOptions = { timeoutMs: END_TIMEOUT_MS };
const ADDRESS_SPACE = "LocalDefault";

/** An interface as `CreateEndpoint` has it; empty texts are left to the plugin. */
export interface PluginInterface {
  /** `10.0.0.2/24` */
  readonly address: string;
  readonly addressIpv6: string;
  readonly macAddress: string;
}

export interface PluginRoute {
  readonly destination: string;
  /** Empty for what is reached by the device itself. */
  readonly nextHop: string;
}

/** What `Join` answers: where the device is that the container gets, and how it is to be called there. */
export interface PluginJoin {
  /** Device of the host's namespace; empty where there is none to move. */
  readonly sourceName: string;
  /** `eth`; a number is put behind it. */
  readonly targetPrefix: string;
  readonly gateway: string;
  readonly ipv6Gateway: string;
  readonly routes: readonly PluginRoute[];
}

export type NetworkScope = "local" | "global";

/**
 * The network driver of one plugin: Docker's remote driver protocol, every answer checked.
 *
 * @see moby, daemon/libnetwork/docs/remote.md
 */
export class NetworkPlugin {
  readonly #plugin: Plugin;

  constructor(plugin: Plugin) {
    this.#plugin = plugin;
  }

  static async find(plugins: Plugins, name: string, signal?: AbortSignal): Promise<NetworkPlugin> {
    return new NetworkPlugin(await plugins.get(name, "NetworkDriver", signal));
  }

  async scope(): Promise<NetworkScope> {
    const scope = await this.#call("GetCapabilities", {}, (answer) => answer.string("Scope") ?? "");
    if (scope === "local" || scope === "global") return scope;
    throw this.#lie("GetCapabilities", `scope ${JSON.stringify(scope)}: want local or global`);
  }

  async createNetwork(network: NetworkRecord): Promise<void> {
    const dataOf = (family: 4 | 6): readonly object[] =>
      network.pools.filter(({ subnet }) => subnet.includes(":") === (family === 6)).map(poolToWire);
    await this.#call("CreateNetwork", {
      NetworkID: network.id,
      Options: {
        "com.docker.network.enable_ipv4": network.enableIpv4,
        "com.docker.network.enable_ipv6": network.enableIpv6,
        "com.docker.network.generic": network.options,
        ...(network.internal ? { "com.docker.network.internal": true } : {}),
      },
      IPv4Data: dataOf(4),
      IPv6Data: dataOf(6),
    });
  }

  async deleteNetwork(networkId: string): Promise<void> {
    await this.#call("DeleteNetwork", { NetworkID: networkId }, nothing, ENDING);
  }

  /** @returns What the plugin adds; it may not change what it was given. */
  async createEndpoint(request: {
    readonly networkId: string;
    readonly endpointId: string;
    readonly options: EndpointOptions;
    readonly wanted: PluginInterface;
  }): Promise<PluginInterface> {
    const { wanted } = request;
    const body = {
      ...idsOf(request),
      Options: optionsToWire(request.options),
      Interface: {
        Address: wanted.address,
        AddressIPv6: wanted.addressIpv6,
        MacAddress: wanted.macAddress,
      },
    };
    return await this.#call("CreateEndpoint", body, (answer) =>
      this.#readInterface(answer.object("Interface"), wanted),
    );
  }

  #readInterface(reader: JsonReader | undefined, wanted: PluginInterface): PluginInterface {
    const settle = (key: string, had: string, isValid: (text: string) => boolean): string => {
      const given = reader?.string(key) ?? "";
      if (given === "") return had;
      if (had !== "" && given !== had) {
        throw this.#lie("CreateEndpoint", `${key} ${given}, which was set to ${had} already`);
      }
      if (isValid(given)) return given;
      throw this.#lie("CreateEndpoint", `${key} ${JSON.stringify(given.slice(0, 100))}`);
    };
    const isCidr = (text: string): boolean => tryParseAddressWithPrefix(text) !== undefined;
    const isMac = (text: string): boolean => /^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/.test(text);
    return {
      address: settle("Address", wanted.address, isCidr),
      addressIpv6: settle("AddressIPv6", wanted.addressIpv6, isCidr),
      macAddress: settle("MacAddress", wanted.macAddress, isMac).toLowerCase(),
    };
  }

  async deleteEndpoint(ids: EndpointIds): Promise<void> {
    await this.#end("DeleteEndpoint", ids);
  }

  async join(ids: EndpointIds, sandboxKey: string, options: EndpointOptions): Promise<PluginJoin> {
    const body = { ...idsOf(ids), SandboxKey: sandboxKey, Options: optionsToWire(options) };
    return await this.#call("Join", body, (answer) => this.#readJoin(answer));
  }

  #readJoin(answer: JsonReader): PluginJoin {
    const device = answer.object("InterfaceName");
    const address = (key: string, family: 4 | 6): string => {
      const text = answer.string(key) ?? "";
      if (text === "" || tryParseIp(text)?.family === family) return text;
      throw this.#lie("Join", `${key} ${JSON.stringify(text.slice(0, 100))}`);
    };
    const nameIn = (key: string, pattern: RegExp): string => {
      const text = device?.string(key) ?? "";
      if (text === "" || pattern.test(text)) return text;
      throw this.#lie("Join", `${key} ${JSON.stringify(text.slice(0, 100))}`);
    };
    return {
      sourceName: nameIn("SrcName", /^(?!lo$)[^\s/:]{1,15}$/),
      targetPrefix: nameIn("DstPrefix", /^[^\s/:]{1,12}$/) || "eth",
      gateway: address("Gateway", 4),
      ipv6Gateway: address("GatewayIPv6", 6),
      routes: (answer.objects("StaticRoutes") ?? []).map((route) => this.#readRoute(route)),
    };
  }

  #readRoute(reader: JsonReader): PluginRoute {
    const destination = reader.string("Destination") ?? "";
    const isByDevice = (reader.integer("RouteType") ?? 0) === 1;
    const nextHop = isByDevice ? "" : (reader.string("NextHop") ?? "");
    const to = tryParseAddressWithPrefix(destination);
    const hop = tryParseIp(nextHop);
    if (!to || (!isByDevice && hop?.family !== to.address.family)) {
      throw this.#lie("Join", `static route ${JSON.stringify(`${destination} ${nextHop}`)}`);
    }
    return { destination, nextHop };
  }

  /** It is the container's way out from here on, and where its published ports lead, if the plugin has such. */
  async programExternalConnectivity(ids: EndpointIds, options: EndpointOptions): Promise<void> {
    await this.#callIfThere(
      "ProgramExternalConnectivity",
      { ...idsOf(ids), Options: optionsToWire(options) },
      { timeoutMs: TIMEOUT_MS, retryMs: RETRY_MS },
    );
  }

  async revokeExternalConnectivity(ids: EndpointIds): Promise<void> {
    await this.#callIfThere("RevokeExternalConnectivity", idsOf(ids), ENDING);
  }

  /** Plugins older than the call answer that there is no such page. */
  async #callIfThere(verb: string, body: unknown, options: CallOptions): Promise<void> {
    try {
      await this.#call(verb, body, nothing, options);
    } catch (error) {
      if (error instanceof PluginRefusedError && error.isUnknownMethod) return;
      throw error;
    }
  }

  async leave(ids: EndpointIds): Promise<void> {
    await this.#end("Leave", ids);
  }

  async #end(verb: string, ids: EndpointIds): Promise<void> {
    await this.#call(verb, idsOf(ids), nothing, ENDING);
  }

  async #call(verb: string, body: unknown): Promise<void>;
  async #call<Answer>(
    verb: string,
    body: unknown,
    read: (answer: JsonReader) => Answer,
    options?: CallOptions,
  ): Promise<Answer>;
  async #call<Answer>(
    verb: string,
    body: unknown,
    read?: (answer: JsonReader) => Answer,
    options: CallOptions = { timeoutMs: TIMEOUT_MS, retryMs: RETRY_MS },
  ): Promise<Answer | undefined> {
    return await callDriver(this.#plugin, `NetworkDriver.${verb}`, body, read ?? nothing, options);
  }

  #lie(verb: string, what: string): FailedPreconditionError {
    return new FailedPreconditionError(
      `NetworkDriver.${verb}: plugin ${JSON.stringify(this.#plugin.name)} answered an unusable ${what}`,
    );
  }
}

export interface EndpointIds {
  readonly networkId: string;
  readonly endpointId: string;
}

/** What an endpoint is made with. */
export interface EndpointOptions {
  readonly driverOptions: Readonly<Record<string, string>>;
  /** Ports that the container asks for. */
  readonly ports: readonly PortRequest[];
}

/** IANA's protocol numbers. */
const PROTOCOL_NUMBERS: Readonly<Record<PortRequest["protocol"], number>> = {
  tcp: 6,
  udp: 17,
  sctp: 132,
};

function optionsToWire({ driverOptions, ports }: EndpointOptions): object {
  if (ports.length === 0) return driverOptions;
  const exposed = new Map(
    ports.map(({ protocol, containerPort }) => [
      `${containerPort}/${protocol}`,
      { Proto: PROTOCOL_NUMBERS[protocol], Port: containerPort },
    ]),
  );
  return {
    ...driverOptions,
    "com.docker.network.endpoint.exposedports": [...exposed.values()],
    "com.docker.network.portmap": ports.map(
      ({ protocol, containerPort, hostAddress = "", hostPort }) => ({
        Proto: PROTOCOL_NUMBERS[protocol],
        IP: "",
        Port: containerPort,
        HostIP: hostAddress,
        HostPort: hostPort === 0 ? 0 : hostPort.first,
        HostPortEnd: hostPort === 0 ? 0 : hostPort.last,
      }),
    ),
  };
}

function idsOf({ networkId, endpointId }: EndpointIds): object {
  return { NetworkID: networkId, EndpointID: endpointId };
}

function nothing(): undefined {
  return undefined;
}

function poolToWire({ subnet, gateway, auxiliary }: AddressPoolRecord): object {
  const prefix = subnet.slice(subnet.indexOf("/"));
  const withPrefix = (address: string): string => `${address}${prefix}`;
  return {
    AddressSpace: ADDRESS_SPACE,
    Pool: subnet,
    ...(gateway === "" ? {} : { Gateway: withPrefix(gateway) }),
    ...(auxiliary === undefined
      ? {}
      : {
          AuxAddresses: Object.fromEntries(
            Object.entries(auxiliary).map(([name, address]) => [name, withPrefix(address)]),
          ),
        }),
  };
}

/** One call of a driver's; an `Err` or `Error` in a good answer is a refusal as well. */
export async function callDriver<Answer>(
  plugin: Plugin,
  method: string,
  body: unknown,
  read: (answer: JsonReader) => Answer,
  options: CallOptions = { timeoutMs: TIMEOUT_MS, retryMs: RETRY_MS },
): Promise<Answer> {
  let unusable: FailedPreconditionError | undefined;
  const answer = await plugin.client.call(
    method,
    body,
    (reader) => {
      const refusal = reader.string("Err") || reader.string("Error");
      if (refusal) throw new PluginRefusedError(`${method}: ${refusal}`);
      try {
        return { value: read(reader) };
      } catch (error) {
        // what is understood and cannot be used is not "no answer"
        if (!(error instanceof FailedPreconditionError)) throw error;
        unusable = error;
        return undefined;
      }
    },
    options,
  );
  if (answer) return answer.value;
  throw unusable ?? new InvalidArgumentError(`${method}: no answer`);
}
