import { publishingEndpoint } from "#networks/gateway-endpoint.ts";
import type { PublishedTarget } from "#networks/firewall/published-target.ts";
import type { PublishedPort } from "#networks/networks.ts";
import { keyOf } from "#networks/ports/host-socket.ts";
import type { HeldPort, PortOwner } from "#networks/ports/port-allocator.ts";
import type { RelayTarget } from "#networks/ports/relay.ts";
import type { SandboxRecord } from "#networks/records.ts";
import type { SocketVault } from "#host/sockets.ts";

/** A sandbox and what the daemon holds for it. */
export interface LiveSandbox {
  readonly record: SandboxRecord;
  readonly held: readonly HeldPort[];
  /** Where the sockets of `held` are kept for the next daemon; absent with a container that has no such place. */
  readonly vault?: SocketVault;
  /** What the rules serve: these very objects were published. */
  readonly targets: readonly PublishedTarget[];
  closing?: Promise<void>;
}

type Outer = Pick<SandboxRecord, "endpoints">;

/** The container's addresses that its published ports lead to, by family. */
export function outerAddresses({ endpoints }: Outer): { readonly 4?: string; readonly 6?: string } {
  const ipv4 = publishingEndpoint(endpoints, 4)?.ipAddress;
  const ipv6 = publishingEndpoint(endpoints, 6)?.ipv6Address;
  return { ...(ipv4 ? { 4: ipv4 } : {}), ...(ipv6 ? { 6: ipv6 } : {}) };
}

/** Families in which the container's published ports are its own, at its own address. */
export function routedFamilies({ endpoints }: Outer): ReadonlySet<4 | 6> {
  const families = ([4, 6] as const).filter((family) =>
    publishingEndpoint(endpoints, family)?.routedFamilies?.includes(family),
  );
  return new Set(families);
}

/** Whether there is an endpoint that ports can lead to. */
export function isReachable(outer: Outer): boolean {
  return Object.keys(outerAddresses(outer)).length > 0;
}

function familyOf(hostAddress: string): 4 | 6 {
  return hostAddress.includes(":") ? 6 : 4;
}

/** Ports that rules serve; those of a family that the container has no address of are relayed. */
export function targetsOf(record: SandboxRecord): readonly PublishedTarget[] {
  const addresses = outerAddresses(record);
  return record.ports.flatMap(({ protocol, hostAddress, hostPort, containerPort }) => {
    const containerAddress = addresses[familyOf(hostAddress)];
    if (containerAddress === undefined) return [];
    return { protocol, hostAddress, hostPort, containerAddress, containerPort };
  });
}

/** Where a port's socket sends what reaches it: within the family where that can be. */
export function relayTarget(
  outer: Outer,
  { hostAddress, containerPort }: PublishedPort,
): RelayTarget | undefined {
  const addresses = outerAddresses(outer);
  const address = addresses[familyOf(hostAddress)] ?? addresses[4] ?? addresses[6];
  return address === undefined ? undefined : { address, port: containerPort };
}

/** What a port of the host leads to: the same on both sides of a change. */
export function serviceOf(port: Omit<PublishedPort, "containerAddress">): string {
  return `${keyOf(port)} ${port.containerPort}`;
}

export function ownerOf(record: Omit<SandboxRecord, "ports">): PortOwner {
  const outer = publishingEndpoint(record.endpoints, 4) ?? publishingEndpoint(record.endpoints, 6);
  return {
    containerId: record.containerId,
    containerName: record.containerName,
    endpointId: outer?.id ?? "",
  };
}
