import type { Filters } from "#spec/engine-api/filters.ts";
import type { EndpointSettings } from "#spec/engine-api/networking-config.ts";
import type { NetworkRecord, NetworkRequest, Networks } from "#networks/networks.ts";

/** What the network endpoints need of the engine. */
export type NetworksBackend = Pick<Networks, "list" | "resolve" | "endpointsOf"> & {
  create(request: NetworkRequest): Promise<NetworkRecord>;
  remove(reference: string): Promise<void>;
  connect(
    network: string,
    request: { readonly container: string; readonly settings: EndpointSettings },
  ): Promise<void>;
  disconnect(
    network: string,
    request: { readonly container: string; readonly isForced: boolean },
  ): Promise<void>;
  /** Removes networks that no container has. @returns Names of those that went. */
  prune(filters: Filters): Promise<readonly string[]>;
  /** Name of a container, for the endpoints of a network. */
  containerName(containerId: string): Promise<string>;
};
