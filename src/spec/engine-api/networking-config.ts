import { InvalidArgumentError } from "#base/errors.ts";
import { isIpAddress, isIpv4, isIpv6, isMacAddress } from "#base/ip-address.ts";
import type { JsonReader } from "#base/json-reader.ts";

/** The addresses that the user wants for an endpoint; empty for any. */
export interface EndpointIpamConfig {
  readonly IPv4Address: string;
  readonly IPv6Address: string;
  readonly LinkLocalIPs: readonly string[];
}

/** What the user wants of one network; what the network gave is the networks' own record. */
export interface EndpointSettings {
  readonly IPAMConfig: EndpointIpamConfig | null;
  /** `CONTAINER[:ALIAS]`. */
  readonly Links: readonly string[];
  readonly Aliases: readonly string[];
  /** Empty for a generated one. */
  readonly MacAddress: string;
  readonly DriverOpts: Readonly<Record<string, string>>;
  /** The network with the highest gives the default route. */
  readonly GwPriority: number;
}

export interface NetworkingConfig {
  /** By name or ID of the network. */
  readonly EndpointsConfig: Readonly<Record<string, EndpointSettings>>;
}

export const EMPTY_ENDPOINT: EndpointSettings = {
  IPAMConfig: null,
  Links: [],
  Aliases: [],
  MacAddress: "",
  DriverOpts: {},
  GwPriority: 0,
};

function readIpam(reader: JsonReader): EndpointIpamConfig {
  return {
    IPv4Address: reader.string("IPv4Address") ?? "",
    IPv6Address: reader.string("IPv6Address") ?? "",
    LinkLocalIPs: reader.strings("LinkLocalIPs") ?? [],
  };
}

function ipamProblems(ipam: EndpointIpamConfig): readonly string[] {
  const problems: string[] = [];
  if (ipam.IPv4Address !== "" && !isIpv4(ipam.IPv4Address)) {
    problems.push(`invalid IPv4 address: ${ipam.IPv4Address}`);
  }
  if (ipam.IPv6Address !== "" && !isIpv6(ipam.IPv6Address)) {
    problems.push(`invalid IPv6 address: ${ipam.IPv6Address}`);
  }
  for (const address of ipam.LinkLocalIPs) {
    if (!isIpAddress(address)) problems.push(`invalid link-local IP address: ${address}`);
  }
  return problems;
}

/** Several problems at once, as Docker joins them. */
export function joinProblems(problems: readonly string[]): string {
  if (problems.length === 1) return problems[0] ?? "";
  return problems.map((problem) => `* ${problem}`).join("\n");
}

/**
 * Reads one entry of `EndpointsConfig` or the body's part of a network connect. Whether an address
 * lies in a subnet, and whether the network takes aliases, is for the networks to say.
 *
 * @throws {InvalidArgumentError} With Docker's texts, without the network's name.
 */
export function readEndpointSettings(reader: JsonReader): EndpointSettings {
  const ipam = reader.object("IPAMConfig");
  const settings: EndpointSettings = {
    IPAMConfig: ipam ? readIpam(ipam) : null,
    Links: reader.strings("Links") ?? [],
    Aliases: reader.strings("Aliases") ?? [],
    MacAddress: reader.string("MacAddress") ?? "",
    DriverOpts: reader.stringMap("DriverOpts") ?? {},
    GwPriority: reader.integer("GwPriority", "int") ?? 0,
  };
  if (settings.MacAddress !== "" && !isMacAddress(settings.MacAddress)) {
    throw new InvalidArgumentError(`invalid MAC address ${settings.MacAddress}`);
  }
  const problems = settings.IPAMConfig ? ipamProblems(settings.IPAMConfig) : [];
  if (problems.length > 0) {
    throw new InvalidArgumentError(`invalid endpoint settings:\n${joinProblems(problems)}`);
  }
  return settings;
}

function readNamedEndpoint(name: string, value: unknown, reader: JsonReader): EndpointSettings {
  if (value === null) {
    throw new InvalidArgumentError(`invalid config for network ${name}: EndpointsConfig is nil`);
  }
  const child = reader.child(value, `EndpointsConfig.${name}`, "network.EndpointSettings");
  try {
    return readEndpointSettings(child);
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError) || cause.message.startsWith("invalid JSON"))
      throw cause;
    throw new InvalidArgumentError(`invalid config for network ${name}: ${cause.message}`);
  }
}

/**
 * Reads `NetworkingConfig`.
 *
 * @throws {InvalidArgumentError} With Docker's texts.
 */
export function readNetworkingConfig(reader: JsonReader): NetworkingConfig {
  const entries = reader.entries("EndpointsConfig", "map[string]*network.EndpointSettings") ?? [];
  return {
    EndpointsConfig: Object.fromEntries(
      entries.map(([name, value]): [string, EndpointSettings] => {
        if (name === "")
          throw new InvalidArgumentError("invalid config for network: its name is empty");
        return [name === "default" ? "bridge" : name, readNamedEndpoint(name, value, reader)];
      }),
    ),
  };
}
