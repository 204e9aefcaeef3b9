import type { NetworkRecord } from "#networks/networks.ts";

/** Docker's option keys of a bridge network, as `network inspect` shows them. */
export const BRIDGE_OPTION = {
  isDefault: "com.docker.network.bridge.default_bridge",
  interContainer: "com.docker.network.bridge.enable_icc",
  masquerade: "com.docker.network.bridge.enable_ip_masquerade",
  hostBindingIpv4: "com.docker.network.bridge.host_binding_ipv4",
  bridgeName: "com.docker.network.bridge.name",
  mtu: "com.docker.network.driver.mtu",
} as const;

export interface BridgeOptions {
  readonly bridgeName: string;
  readonly interContainer: boolean;
  readonly masquerade: boolean;
  /** 0 leaves the kernel's own. */
  readonly mtuBytes: number;
}

/** A bridge is named after its network's short id unless an option names it. */
export function bridgeOptionsOf(network: NetworkRecord): BridgeOptions {
  const { options } = network;
  return {
    bridgeName: options[BRIDGE_OPTION.bridgeName] ?? `br-${network.id.slice(0, 12)}`,
    interContainer: options[BRIDGE_OPTION.interContainer] !== "false",
    masquerade: options[BRIDGE_OPTION.masquerade] !== "false",
    mtuBytes: Number(options[BRIDGE_OPTION.mtu] ?? 0),
  };
}
