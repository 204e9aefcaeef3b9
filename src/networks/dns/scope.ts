import { PREDEFINED_NETWORKS } from "#networks/plan-network.ts";

/** Whether the containers of a network find each other by name: on all but the engine's own. */
export function servesNames(endpoint: { readonly networkName: string }): boolean {
  return !PREDEFINED_NETWORKS.has(endpoint.networkName);
}

/** Whether a container with these endpoints gets the embedded DNS server; once it has it, it keeps it. */
export function hasEmbeddedDns(endpoints: readonly { readonly networkName: string }[]): boolean {
  return endpoints.some(servesNames);
}
