import type { EndpointSettings, NetworkSettings, PortSummary } from "@docker/node-sdk";
import type { ContainerDetails } from "#containers/containers.ts";
import type { Endpoint, PublishedPort } from "#networks/networks.ts";
import type { EndpointSettings as WantedEndpoint } from "#spec/engine-api/networking-config.ts";
import { type ApiVersion, isAtLeast } from "#spec/engine-api/version.ts";
import type { Wire } from "#api/wire.ts";

type Ipam = NonNullable<Wire<EndpointSettings>["IPAMConfig"]>;

/** Go's nil list. */
function nullIfEmpty(list: readonly string[] | undefined): readonly string[] | null {
  return list === undefined || list.length === 0 ? null : list;
}

function ipamToWire(wanted: WantedEndpoint | undefined): Ipam | null {
  const ipam = wanted?.IPAMConfig;
  if (!ipam) return null;
  return {
    ...(ipam.IPv4Address === "" ? {} : { IPv4Address: ipam.IPv4Address }),
    ...(ipam.IPv6Address === "" ? {} : { IPv6Address: ipam.IPv6Address }),
    ...(ipam.LinkLocalIPs.length === 0 ? {} : { LinkLocalIPs: ipam.LinkLocalIPs }),
  };
}

/** One entry of `NetworkSettings.Networks`: what was asked for, and what the network gave while it runs. */
function endpointToWire(
  wanted: WantedEndpoint | undefined,
  actual: Endpoint | undefined,
  facts: NonNullable<ContainerDetails["networkFacts"]>[string] | undefined,
): Wire<EndpointSettings> {
  return {
    IPAMConfig: ipamToWire(wanted),
    Links: nullIfEmpty(wanted?.Links),
    Aliases: nullIfEmpty(wanted?.Aliases),
    MacAddress: actual?.macAddress ?? wanted?.MacAddress ?? "",
    DriverOpts:
      Object.keys(wanted?.DriverOpts ?? {}).length === 0 ? null : (wanted?.DriverOpts ?? null),
    GwPriority: wanted?.GwPriority ?? 0,
    NetworkID: actual?.networkId ?? facts?.networkId ?? "",
    EndpointID: actual?.id ?? "",
    Gateway: actual?.gateway ?? "",
    IPAddress: actual?.ipAddress ?? "",
    IPPrefixLen: actual?.prefixLength ?? 0,
    IPv6Gateway: actual?.ipv6Gateway ?? "",
    GlobalIPv6Address: actual?.ipv6Address ?? "",
    GlobalIPv6PrefixLen: actual?.ipv6PrefixLength ?? 0,
    DNSNames: nullIfEmpty(facts?.dnsNames ?? actual?.aliases),
  };
}

/** `Networks` of inspect and list: by the names that create settled on. */
export function endpointsToWire(
  details: ContainerDetails,
): Readonly<Record<string, Wire<EndpointSettings>>> {
  const wanted = details.record.networkingConfig.EndpointsConfig;
  const actual = details.sandbox?.endpoints ?? [];
  const names = new Set([
    ...Object.keys(wanted),
    ...actual.map((endpoint) => endpoint.networkName),
  ]);
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      endpointToWire(
        wanted[name],
        actual.find((endpoint) => endpoint.networkName === name || endpoint.networkId === name),
        details.networkFacts?.[name],
      ),
    ]),
  );
}

/** Exposed ports that a sandbox has, published or not: `{"70/tcp": null, "80/tcp": [{…}]}`. */
function portsToWire(details: ContainerDetails): NonNullable<Wire<NetworkSettings>["Ports"]> {
  const { sandbox, record } = details;
  if (!sandbox || sandbox.mode.kind !== "bridge") return {};
  const ports: Record<string, { HostIp: string; HostPort: string }[] | null> = {};
  for (const name of Object.keys(record.config.ExposedPorts)) ports[name] = null;
  for (const port of sandbox.ports) {
    const name = `${port.containerPort}/${port.protocol}`;
    const list = ports[name] ?? [];
    list.push({
      HostIp: port.hostAddress,
      HostPort: port.hostPort === 0 ? "" : String(port.hostPort),
    });
    ports[name] = list;
  }
  return Object.fromEntries(
    Object.entries(ports).sort(([left], [right]) => (left < right ? -1 : 1)),
  );
}

/** API 1.52 took the fields of the one default endpoint away. */
export function networkSettingsToWire(
  details: ContainerDetails,
  version: ApiVersion,
  bridgeName: string,
): Wire<NetworkSettings> {
  const { sandbox } = details;
  const current: Wire<NetworkSettings> = {
    SandboxID: sandbox?.id ?? "",
    SandboxKey: sandbox?.namespacePath ?? "",
    Ports: portsToWire(details),
  };
  const networks = { Networks: endpointsToWire(details) };
  if (isAtLeast(version, "1.52")) return { ...current, ...networks };
  const endpoint = sandbox?.endpoints.find((one) => one.networkName === "bridge");
  return {
    Bridge: endpoint ? bridgeName : "",
    ...current,
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: endpoint?.id ?? "",
    Gateway: endpoint?.gateway ?? "",
    GlobalIPv6Address: endpoint?.ipv6Address ?? "",
    GlobalIPv6PrefixLen: endpoint?.ipv6PrefixLength ?? 0,
    IPAddress: endpoint?.ipAddress ?? "",
    IPPrefixLen: endpoint?.prefixLength ?? 0,
    IPv6Gateway: endpoint?.ipv6Gateway ?? "",
    MacAddress: endpoint?.macAddress ?? "",
    ...networks,
  };
}

function publishedToSummary(port: PublishedPort): Wire<PortSummary> {
  return {
    IP: port.hostAddress,
    PrivatePort: port.containerPort,
    ...(port.hostPort === 0 ? {} : { PublicPort: port.hostPort }),
    Type: port.protocol,
  };
}

/** `Ports` of the list: a container that does not run has none. */
export function portSummaries(details: ContainerDetails): readonly Wire<PortSummary>[] {
  const { sandbox, record } = details;
  if (!sandbox || sandbox.mode.kind !== "bridge") return [];
  const published = sandbox.ports.map(publishedToSummary);
  const isPublished = (name: string): boolean =>
    sandbox.ports.some((port) => `${port.containerPort}/${port.protocol}` === name);
  const unpublished = Object.keys(record.config.ExposedPorts)
    .filter((name) => !isPublished(name))
    .map((name): Wire<PortSummary> => {
      const [port, protocol] = name.split("/");
      return {
        PrivatePort: Number(port),
        Type: protocol === "udp" || protocol === "sctp" ? protocol : "tcp",
      };
    });
  return [...unpublished, ...published].sort(
    (left, right) => (left.PrivatePort ?? 0) - (right.PrivatePort ?? 0),
  );
}
