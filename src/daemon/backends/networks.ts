import type { networkRoutes } from "#api/networks/routes.ts";
import type { OpenContainers } from "#containers/open.ts";
import type { Networks } from "#networks/networks.ts";

/** What the network routes need: what touches containers goes through their lanes. */
export function networksBackend(
  networks: Networks,
  containers: OpenContainers,
): Omit<Parameters<typeof networkRoutes>[0], "prune"> {
  return {
    list: () => networks.list(),
    resolve: (reference) => networks.resolve(reference),
    endpointsOf: (networkId) => networks.endpointsOf(networkId),
    create: (request) => containers.createNetwork(request),
    remove: (reference) => containers.removeNetwork(reference),
    connect: (network, request) => containers.connectNetwork(network, request),
    disconnect: (network, request) => containers.disconnectNetwork(network, request),
    containerName: async (containerId) => (await containers.get(containerId)).record.name,
  };
}
