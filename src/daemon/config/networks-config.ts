import { DEFAULT_NETWORKS_CONFIG, type NetworksConfig, parseSubnetPool } from "#networks/config.ts";
import type { EngineConfig } from "./engine-config.ts";

export function networksConfig({ bridge }: EngineConfig): NetworksConfig {
  const pools =
    bridge.addressPools.length === 0 ? undefined : bridge.addressPools.map(parseSubnetPool);
  return {
    bridge: bridge.name,
    ipv4: bridge.ipv4,
    ...(bridge.ipv6 ? { ipv6: bridge.ipv6 } : {}),
    mtuBytes: bridge.mtuBytes,
    interContainer: bridge.isInterContainer,
    ipForward: bridge.isForwarding,
    ipMasquerade: bridge.isMasqueraded,
    defaultAddressPools: pools ?? DEFAULT_NETWORKS_CONFIG.defaultAddressPools,
    networkPools: pools ?? DEFAULT_NETWORKS_CONFIG.networkPools,
    defaultBindAddress: bridge.publishAddress,
    firewall: bridge.firewall,
    hostGateways: bridge.hostGateways,
    isRoutedDirectly: bridge.isRoutedDirectly,
    networkOptions: bridge.networkOptions,
  };
}
