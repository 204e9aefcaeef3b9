import type { LinkOp } from "#host/netlink.ts";
import type { EndpointRecord } from "./driver.ts";

/**
 * The endpoint that a container's default route goes by: that with the highest priority, then that whose network's
 * name comes first, as docker has it. Internal networks have no gateway and give none.
 */
export function gatewayEndpoint(
  endpoints: readonly EndpointRecord[],
  family: 4 | 6,
): EndpointRecord | undefined {
  const gateway = (endpoint: EndpointRecord): string =>
    (family === 4 ? endpoint.gateway : endpoint.ipv6Gateway) ?? "";
  const priority = ({ gatewayPriority = 0 }: EndpointRecord): number => gatewayPriority;
  return endpoints
    .filter((endpoint) => gateway(endpoint) !== "")
    .toSorted((a, b) => priority(b) - priority(a) || (a.networkName < b.networkName ? -1 : 1))[0];
}

/** The endpoint that ports of the host lead to: that with the default route, where its driver does so. */
export function publishingEndpoint(
  endpoints: readonly EndpointRecord[],
  family: 4 | 6,
): EndpointRecord | undefined {
  const outer = gatewayEndpoint(endpoints, family);
  return outer?.hasNoPorts ? undefined : outer;
}

/** A container's way out by this endpoint, in place of what there was. */
export function defaultRoute(endpoint: EndpointRecord, family: 4 | 6): LinkOp {
  return {
    kind: "add-route",
    destination: "default",
    gateway: (family === 4 ? endpoint.gateway : endpoint.ipv6Gateway) ?? "",
    ...(endpoint.interfaceName === undefined ? {} : { name: endpoint.interfaceName }),
    isReplacing: true,
  };
}

/** Families that get their default route by `endpoint`. */
export function routesBy(
  endpoint: EndpointRecord,
  endpoints: readonly EndpointRecord[],
): readonly (4 | 6)[] {
  return ([4, 6] as const).filter(
    (family) => gatewayEndpoint(endpoints, family)?.id === endpoint.id,
  );
}

/** The prefix with the lowest number that is free. */
export function nextInterface(endpoints: readonly EndpointRecord[], prefix: string): string {
  const taken = new Set(endpoints.map(({ interfaceName }) => interfaceName));
  let index = 0;
  while (taken.has(`${prefix}${index}`)) index += 1;
  return `${prefix}${index}`;
}
