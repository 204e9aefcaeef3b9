import type { PortRequest, PublishedPort } from "#networks/networks.ts";

const ANY_ADDRESS: Readonly<Record<4 | 6, string>> = { 4: "0.0.0.0", 6: "::" };

/** What becomes of wishes for published ports where some families have no address translation. */
export interface RoutedPorts {
  /** Those that need ports of the host. */
  readonly bound: readonly PortRequest[];
  /** The container's own, opened at its own address. */
  readonly opened: readonly PublishedPort[];
}

/**
 * Parts the wishes for published ports. In a family that is routed the host's port counts for nothing, nor does its
 * address but for its family, as in docker.
 *
 * @param routed Families in which the container is reached at its own address.
 * @param addressesFor Addresses of the host that a wish stands for.
 */
export function partRoutedPorts(
  requests: readonly PortRequest[],
  routed: ReadonlySet<4 | 6>,
  addressesFor: (request: PortRequest) => readonly string[],
): RoutedPorts {
  if (routed.size === 0) return { bound: requests, opened: [] };
  const bound: PortRequest[] = [];
  const opened = new Map<string, PublishedPort>();
  for (const request of requests) {
    const addresses = addressesFor(request);
    const translated = addresses.filter((address) => !routed.has(familyOf(address)));
    if (translated.length === addresses.length) bound.push(request);
    else for (const hostAddress of translated) bound.push({ ...request, hostAddress });
    for (const address of addresses) {
      const family = familyOf(address);
      if (!routed.has(family)) continue;
      const { protocol, containerPort } = request;
      opened.set(`${protocol} ${containerPort} ${family}`, {
        protocol,
        containerPort,
        hostAddress: ANY_ADDRESS[family],
        hostPort: 0,
      });
    }
  }
  return { bound, opened: [...opened.values()] };
}

function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}
