import type { Namespaces } from "#host/namespaces.ts";
import type { LinkOp, Netlink } from "#host/netlink.ts";
import type { EndpointRecord } from "./driver.ts";
import { defaultRoute } from "./gateway-endpoint.ts";
import { announceAddresses, disableIpv6, enableIpv6, setInterfaceSysctl } from "./sysctl.ts";

/** Gives an endpoint's device, which is in its namespace already, addresses and routes, and sets it up. */
export function setUpInterface(
  host: { readonly netlink: Netlink; readonly namespaces: Namespaces },
  endpoint: EndpointRecord,
  place: { readonly namespacePath: string; readonly name: string },
  routes: readonly (4 | 6)[],
): void {
  const { namespacePath, name } = place;
  const { ipv6Address } = endpoint;
  host.namespaces.inNetwork(namespacePath, () => {
    if (ipv6Address === undefined) disableIpv6(name);
    else enableIpv6(name);
    announceAddresses(name, [4, ...(ipv6Address === undefined ? [] : ([6] as const))]);
    for (const sysctl of endpoint.sysctls ?? []) setInterfaceSysctl(name, sysctl);
    host.netlink.apply(planInterface(endpoint, name, routes), namespacePath);
  });
}

function planInterface(
  endpoint: EndpointRecord,
  name: string,
  routes: readonly (4 | 6)[],
): readonly LinkOp[] {
  const { ipAddress, prefixLength, ipv6Address, ipv6PrefixLength } = endpoint;
  const cidrs = [
    ...(ipAddress === "" ? [] : [`${ipAddress}/${prefixLength}`]),
    ...(ipv6Address === undefined ? [] : [`${ipv6Address}/${ipv6PrefixLength}`]),
    ...(endpoint.linkLocalAddresses ?? []).map((text) => `${text}/${text.includes(":") ? 64 : 16}`),
  ];
  return [
    ...cidrs.map((cidr): LinkOp => ({ kind: "add-address", name, cidr })),
    { kind: "set-up", name },
    ...routes.map((family) => defaultRoute(endpoint, family)),
  ];
}
