import type { Networks } from "#networks/networks.ts";

/** What the network endpoints need of the engine. */
export type NetworksBackend = Pick<Networks, "list" | "resolve" | "endpointsOf"> & {
  /** Name of a container, for the endpoints of a network. */
  containerName(containerId: string): Promise<string>;
};
