import type { EndpointRecord, EndpointRequest } from "./driver.ts";
import type { NetworkRecord } from "./networks.ts";

/** An endpoint of a network that gives no device and no address: `host` and `none`. */
export function bareEndpoint(network: NetworkRecord, request: EndpointRequest): EndpointRecord {
  return {
    id: request.endpointId,
    containerId: request.containerId,
    networkId: network.id,
    networkName: network.name,
    ipAddress: "",
    prefixLength: 0,
    gateway: "",
    macAddress: "",
    aliases: [],
  };
}
