import type { EndpointRecord, EndpointRequest, TakenAddress } from "./driver.ts";
import { macOfId, macOfIpv4 } from "./ipam/mac.ts";
import type { NetworkRecord } from "./networks.ts";
import { parseIp } from "#base/ip.ts";

/** An endpoint with a device of its own in the container, as the drivers of the kernel's have it. */
export function plannedEndpoint(network: NetworkRecord, request: EndpointRequest): EndpointRecord {
  const { attachment, endpointId } = request;
  const { ipv4, ipv6 } = request.addresses;
  const gatewayOf = (taken: TakenAddress): string => (network.internal ? "" : taken.gateway);
  const macAddress =
    request.macAddress ?? (ipv4 ? macOfIpv4(parseIp(ipv4.address)) : macOfId(endpointId));
  return {
    id: endpointId,
    containerId: request.containerId,
    networkId: network.id,
    networkName: network.name,
    ipAddress: ipv4?.address ?? "",
    prefixLength: ipv4?.prefixLength ?? 0,
    gateway: ipv4 ? gatewayOf(ipv4) : "",
    ...(ipv6
      ? {
          ipv6Address: ipv6.address,
          ipv6PrefixLength: ipv6.prefixLength,
          ipv6Gateway: gatewayOf(ipv6),
        }
      : {}),
    macAddress,
    aliases: attachment?.dnsNames ?? [],
    ...(attachment?.gatewayPriority ? { gatewayPriority: attachment.gatewayPriority } : {}),
    ...(attachment?.linkLocalAddresses?.length
      ? { linkLocalAddresses: attachment.linkLocalAddresses }
      : {}),
    ...(attachment?.sysctls ? { sysctls: attachment.sysctls } : {}),
    interfaceName: attachment?.interfaceName ?? request.nextInterface("eth"),
  };
}
