import { InvalidArgumentError, NotFoundError, UnsupportedError } from "#base/errors.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { contains, parseCidr, parseIp } from "#base/ip.ts";
import type { Attachment, NetworkRecord } from "#networks/networks.ts";
import {
  type EndpointSettings,
  joinProblems,
  type NetworkingConfig,
} from "#spec/engine-api/networking-config.ts";
import { type NetworkId, shortId } from "#spec/ids.ts";

type NetworkParts = Pick<ContainerParts, "networks">;

const INTERFACE_NAME = "com.docker.network.endpoint.ifname";
const INTERFACE_SYSCTLS = "com.docker.network.endpoint.sysctls";
const BUILT_IN: ReadonlySet<string> = new Set(["bridge", "host", "none"]);

/** Every name that a container has on a network of the user's, the first for reverse look-ups; none elsewhere. */
export function dnsNamesOf(
  record: Pick<ContainerRecord, "id" | "name" | "config">,
  networkName: string,
  settings: EndpointSettings,
): readonly string[] {
  if (BUILT_IN.has(networkName)) return [];
  const { Hostname } = record.config;
  const names = [record.name, ...settings.Aliases, shortId(record.id), Hostname];
  return [...new Set(names.filter((name) => name !== ""))];
}

/**
 * Checks what a container asks of a network.
 *
 * @throws {InvalidArgumentError} With Docker's texts.
 */
export function checkEndpointSettings(network: NetworkRecord, settings: EndpointSettings): void {
  const isBuiltIn = BUILT_IN.has(network.name);
  const problems: string[] = [];
  const { IPv4Address = "", IPv6Address = "" } = settings.IPAMConfig ?? {};
  const addresses = [IPv4Address, IPv6Address].filter((address) => address !== "");
  if (isBuiltIn && addresses.length > 0) {
    problems.push("user-specified IP address is supported on user-defined networks only");
  }
  if (isBuiltIn && settings.Aliases.length > 0) {
    problems.push("network-scoped aliases are only supported for user-defined networks");
  }
  for (const address of isBuiltIn ? [] : addresses) {
    const parsed = parseIp(address);
    const pools = network.pools.filter(({ isUserChosen }) => isUserChosen);
    const blocks = pools.map(({ subnet }) => parseCidr(subnet));
    if (!blocks.some(({ family }) => family === parsed.family)) {
      problems.push(
        "user-specified IP address is supported only when connecting to networks with user-configured subnets",
      );
    } else if (!blocks.some((block) => contains(block, parsed))) {
      problems.push(`no configured subnet contains IP address ${address}`);
    }
  }
  const sysctls = settings.DriverOpts[INTERFACE_SYSCTLS];
  if (sysctls !== undefined) problems.push(...sysctlProblems(sysctls));
  if (problems.length > 0) {
    throw new InvalidArgumentError(`invalid endpoint settings:\n${joinProblems(problems)}`);
  }
  const unknown = Object.keys(settings.DriverOpts).find(
    (key) =>
      key.startsWith("com.docker.network.endpoint.") &&
      key !== INTERFACE_NAME &&
      key !== INTERFACE_SYSCTLS,
  );
  if (unknown !== undefined) {
    throw new UnsupportedError(`Driver option ${unknown}: not in this release of Wharf`);
  }
  const name = settings.DriverOpts[INTERFACE_NAME];
  if (name !== undefined && !/^[^\s/:]{1,15}$/.test(name)) {
    throw new InvalidArgumentError(`invalid interface name ${JSON.stringify(name)}`);
  }
}

/** `net.ipv4.conf.IFNAME.log_martians=1`, several parted by commas. */
const INTERFACE_SYSCTL = /^net\.(ipv4|ipv6|mpls)\.(\w+)\.IFNAME\.(\w+)=([^,]*)$/;

/** @returns Problems in Docker's words. */
function sysctlProblems(text: string): readonly string[] {
  return text
    .split(",")
    .filter((setting) => !INTERFACE_SYSCTL.test(setting))
    .map(
      (setting) =>
        `unrecognised network interface sysctl '${setting}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
    );
}

function withSysctls({ DriverOpts }: EndpointSettings): Pick<Attachment, "sysctls"> {
  const text = DriverOpts[INTERFACE_SYSCTLS];
  if (text === undefined) return {};
  const sysctls = text.split(",").map((setting) => {
    const [, family = "", group = "", name = "", value = ""] = INTERFACE_SYSCTL.exec(setting) ?? [];
    return { family, group, name, value };
  });
  return { sysctls };
}

/** The names that `CONTAINER[:ALIAS]` gives to others, as the network's DNS knows those. */
function linkNames(links: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    links.map((link) => {
      const [given = "", alias] = link.split(":");
      const target = given.replace(/^\//, "");
      const name = /^[0-9a-f]{64}$/.test(target) ? target.slice(0, 12) : target;
      return [alias || target, name];
    }),
  );
}

/** @throws {InvalidArgumentError} What is asked cannot be had there. */
export function attachmentTo(
  record: Pick<ContainerRecord, "id" | "name" | "config">,
  network: NetworkRecord,
  settings: EndpointSettings,
): Attachment {
  checkEndpointSettings(network, settings);
  const { IPv4Address = "", IPv6Address = "", LinkLocalIPs = [] } = settings.IPAMConfig ?? {};
  const interfaceName = settings.DriverOpts[INTERFACE_NAME];
  return {
    networkId: network.id,
    dnsNames: dnsNamesOf(record, network.name, settings),
    gatewayPriority: settings.GwPriority,
    linkLocalAddresses: LinkLocalIPs,
    ...(settings.Links.length === 0 ? {} : { links: linkNames(settings.Links) }),
    ...(IPv4Address === "" ? {} : { ipv4Address: IPv4Address }),
    ...(IPv6Address === "" ? {} : { ipv6Address: IPv6Address }),
    ...(settings.MacAddress === "" ? {} : { macAddress: settings.MacAddress }),
    ...(interfaceName === undefined ? {} : { interfaceName }),
    ...withSysctls(settings),
    ...(Object.keys(settings.DriverOpts).length > 0 ? { driverOptions: settings.DriverOpts } : {}),
  };
}

/**
 * What a container about to start asks of its networks, in the order of its interfaces: the highest gateway priority
 * first, then by name. Undefined where nobody said anything: the default network.
 *
 * @throws {NotFoundError} A network is gone, also when another has its name by now.
 */
export function attachmentsOf(
  parts: NetworkParts,
  record: ContainerRecord,
): readonly Attachment[] | undefined {
  const wishes = Object.entries(record.networkingConfig.EndpointsConfig);
  if (wishes.length === 0 && record.networkIds === undefined) return undefined;
  return wishes
    .map(([name, settings]) => ({ network: networkOf(parts, record, name), settings }))
    .toSorted(
      (a, b) =>
        b.settings.GwPriority - a.settings.GwPriority || (a.network.name < b.network.name ? -1 : 1),
    )
    .map(({ network, settings }) => attachmentTo(record, network, settings));
}

function networkOf(parts: NetworkParts, record: ContainerRecord, name: string): NetworkRecord {
  const id = record.networkIds?.[name];
  if (id === undefined) return parts.networks.resolve(name === "default" ? "bridge" : name);
  const network = parts.networks.list().find((one) => one.id === id);
  if (network) return network;
  // of the engine's own there is always one, under another id where its records are new
  if (BUILT_IN.has(name)) return parts.networks.resolve(name);
  throw new NotFoundError(`network ${id} not found`);
}

/** The wishes under the names of the networks, which may be written by id, and the ids of those that are there. */
export function settleNetworks(
  parts: NetworkParts,
  { EndpointsConfig }: NetworkingConfig,
): {
  readonly networkingConfig: NetworkingConfig;
  readonly networkIds: Readonly<Record<string, NetworkId>>;
} {
  const networks = parts.networks.list();
  const entries = Object.entries(EndpointsConfig).map(([reference, settings]) => {
    const network =
      networks.find(({ name }) => name === reference) ??
      networks.find(({ id }) => id === reference) ??
      onlyOne(networks.filter(({ id }) => reference !== "" && id.startsWith(reference)));
    return { name: network?.name ?? reference, id: network?.id, settings };
  });
  return {
    networkingConfig: {
      EndpointsConfig: Object.fromEntries(entries.map(({ name, settings }) => [name, settings])),
    },
    networkIds: Object.fromEntries(
      entries.flatMap(({ name, id }) => (id === undefined ? [] : [[name, id] as const])),
    ),
  };
}

function onlyOne<T>(list: readonly T[]): T | undefined {
  return list.length === 1 ? list[0] : undefined;
}
