import { publishingEndpoint } from "#networks/gateway-endpoint.ts";
import type { PublishedTarget } from "#networks/firewall/ruleset.ts";
import type { PublishedPort } from "#networks/networks.ts";
import { keyOf, type PortOwner, type PortReservation } from "#networks/ports/port-allocator.ts";
import type { SandboxRecord } from "#networks/records.ts";

/** A sandbox and what the daemon holds for it. */
export interface LiveSandbox {
  readonly record: SandboxRecord;
  readonly reservations: readonly PortReservation[];
  /** What the rules serve: these very objects were published. */
  readonly targets: readonly PublishedTarget[];
  closing?: Promise<void>;
}

/** IPv4 ports that rules serve; the others are relayed. */
export function targetsOf(record: SandboxRecord): readonly PublishedTarget[] {
  const containerAddress = publishingEndpoint(record.endpoints)?.ipAddress;
  if (!containerAddress) return [];
  return record.ports
    .filter(({ hostAddress }) => !hostAddress.includes(":"))
    .map(({ protocol, hostAddress, hostPort, containerPort }) => ({
      protocol,
      hostAddress,
      hostPort,
      containerAddress,
      containerPort,
    }));
}

/** What a port of the host leads to: the same on both sides of a change. */
export function serviceOf(port: Omit<PublishedPort, "containerAddress">): string {
  return `${keyOf(port)} ${port.containerPort}`;
}

export function ownerOf(record: Omit<SandboxRecord, "ports">): PortOwner {
  const outer = publishingEndpoint(record.endpoints);
  return {
    containerId: record.containerId,
    containerName: record.containerName,
    endpointId: outer?.id ?? "",
    address: outer?.ipAddress ?? "",
  };
}
