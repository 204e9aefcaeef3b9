import { InvalidArgumentError } from "#base/errors.ts";
import type { OptionMaps, PoolSetting } from "./option-values.ts";
import { checkAddresses, oneOf, type Settings } from "./settings.ts";

/** Of one family, each as configured. */
export interface BridgeAddresses {
  readonly address?: string;
  readonly fixedCidr?: string;
  readonly gateway?: string;
}

/** What the daemon is told of its networks. */
export interface BridgeConfig {
  readonly name: string;
  readonly ipv4: BridgeAddresses;
  /** Absent: the default bridge has no IPv6. */
  readonly ipv6?: BridgeAddresses;
  readonly mtuBytes: number;
  readonly isInterContainer: boolean;
  readonly isMasqueraded: boolean;
  readonly isForwarding: boolean;
  readonly publishAddress: string;
  /** Whether accept rules go into the host's own chains, or its INPUT chains judge what comes to published ports. */
  readonly firewall: "cooperate" | "respect";
  /** What `host-gateway` stands for; empty: the address of the bridge. */
  readonly hostGateways: readonly string[];
  readonly addressPools: readonly PoolSetting[];
  /** Other machines may reach published ports by the containers' own addresses. */
  readonly isRoutedDirectly: boolean;
  /** Options that networks get which do not have them, by driver. */
  readonly networkOptions: OptionMaps;
}

function addressesOf(
  settings: Settings,
  flags: { readonly address: string; readonly fixedCidr: string; readonly gateway: string },
): BridgeAddresses {
  const address = settings.text(flags.address);
  const fixedCidr = settings.text(flags.fixedCidr);
  const gateway = settings.text(flags.gateway);
  return {
    ...(address === undefined ? {} : { address }),
    ...(fixedCidr === undefined ? {} : { fixedCidr }),
    ...(gateway === undefined ? {} : { gateway }),
  };
}

export function bridgeConfig(settings: Settings): BridgeConfig {
  const mtuBytes = settings.count("mtu") ?? 0;
  if (mtuBytes < 0) throw new InvalidArgumentError(`invalid default MTU: ${mtuBytes}`);
  const pools = settings.get("default-address-pool");
  const networkOptions = settings.get("default-network-opt");
  const ipv4 = { address: "bip", fixedCidr: "fixed-cidr", gateway: "default-gateway" };
  const ipv6 = { address: "bip6", fixedCidr: "fixed-cidr-v6", gateway: "default-gateway-v6" };
  return {
    name: settings.text("bridge") ?? "wharf0",
    ipv4: addressesOf(settings, ipv4),
    ...(settings.flag("ipv6") ? { ipv6: addressesOf(settings, ipv6) } : {}),
    mtuBytes,
    isInterContainer: settings.flag("icc") ?? true,
    isMasqueraded: settings.flag("ip-masq") ?? true,
    isForwarding: settings.flag("ip-forward") ?? true,
    publishAddress: settings.text("publish-default-bind") ?? settings.text("ip") ?? "0.0.0.0",
    firewall:
      oneOf(
        settings.text("firewall"),
        ["cooperate", "respect"],
        (value) => `invalid firewall ${JSON.stringify(value)}: want cooperate or respect`,
      ) ?? "cooperate",
    hostGateways: checkAddresses(settings.list("host-gateway-ip")),
    addressPools: pools?.kind === "pools" ? pools.value : [],
    isRoutedDirectly: settings.flag("allow-direct-routing") ?? false,
    networkOptions: networkOptions?.kind === "maps" ? networkOptions.value : {},
  };
}
