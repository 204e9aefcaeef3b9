import type { Filters } from "#spec/engine-api/filters.ts";
import type { Networks } from "#networks/networks.ts";

/** What the network endpoints need of the engine. */
export type NetworksBackend = Pick<Networks, "list" | "resolve" | "endpointsOf"> & {
  /** Removes networks that no container has. @returns Names of those that went. */
  prune(filters: Filters): Promise<readonly string[]>;
  /** Name of a container, for the endpoints of a network. */
  containerName(containerId: string): Promise<string>;
};
