import { DEFAULT_NETWORKS_CONFIG, type NetworksConfig, parseSubnetPool } from "#networks/config.ts";
import type { EngineConfig } from "./engine-config.ts";

export function networksConfig({ bridge }: EngineConfig): NetworksConfig {
  const pools =
    bridge.addressPools.length === 0 ? undefined : bridge.addressPools.map(parseSubnetPool);
  return {
    bridge: bridge.name,
    ...(bridge.address === undefined ? {} : { bip: bridge.address }),
    ...(bridge.fixedCidr === undefined ? {} : { fixedCidr: bridge.fixedCidr }),
    mtuBytes: bridge.mtuBytes,
    interContainer: bridge.isInterContainer,
    ipForward: bridge.isForwarding,
    ipMasquerade: bridge.isMasqueraded,
    defaultAddressPools: pools ?? DEFAULT_NETWORKS_CONFIG.defaultAddressPools,
    networkPools: pools ?? DEFAULT_NETWORKS_CONFIG.networkPools,
    defaultBindAddress: bridge.publishAddress,
    firewall: bridge.firewall,
    hostGateways: bridge.hostGateways,
  };
}
