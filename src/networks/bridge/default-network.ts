import type { NetworksConfig } from "#networks/config.ts";
import { poolsOfFamily } from "#networks/ipam/choose-subnet.ts";
import { poolOf } from "#networks/ipam/pool-of.ts";
import {
  blocksOfNetworks,
  type HostNetworkState,
  takenBlocks,
} from "#networks/ipam/taken-blocks.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import { aliasOf } from "#networks/own-devices.ts";
import { BRIDGE_OPTION } from "./bridge-options.ts";
import { decideDefaultSubnet } from "./default-subnet.ts";

/**
 * The record of network `bridge`, as configuration, the last run and the host's state make it.
 *
 * @param request.mayMove No container is on it, so that its subnet may change.
 * @throws {InvalidArgumentError} Contradictory flags. {ResourceExhaustedError} No free subnet.
 */
export function decideDefaultNetwork(request: {
  readonly config: NetworksConfig;
  readonly previous: NetworkRecord | undefined;
  readonly identity: Pick<NetworkRecord, "id" | "createdMs">;
  readonly host: HostNetworkState;
  /** All other networks of the engine. */
  readonly others: readonly NetworkRecord[];
  readonly engineId: string;
  readonly mayMove: boolean;
}): { readonly network: NetworkRecord; readonly warnings: readonly string[] } {
  const { config, previous, identity, host, engineId } = request;
  const link = host.links.find(({ name }) => name === config.bridge);
  const isForeign = link !== undefined && link.alias !== aliasOf(engineId);
  const foreignCidr = (family: 4 | 6): string | undefined =>
    host.addresses.find(
      ({ linkIndex, cidr, scope }) =>
        isForeign &&
        linkIndex === link.index &&
        cidr.includes(":") === (family === 6) &&
        scope === "global",
    )?.cidr;
  const taken = [...takenBlocks(host, link), ...blocksOfNetworks(request.others)];
  const decided = ([4, 6] as const).flatMap((family) => {
    const configured = family === 4 ? config.ipv4 : config.ipv6;
    if (!configured) return [];
    const subnet = decideDefaultSubnet({
      family,
      bridge: config.bridge,
      configured,
      previous: previous && poolOf(previous, family),
      foreignCidr: foreignCidr(family),
      taken,
      pools: poolsOfFamily(config.defaultAddressPools, family, engineId),
      mayMove: request.mayMove,
    });
    return [subnet];
  });
  const network: NetworkRecord = {
    ...identity,
    name: "bridge",
    driver: "bridge",
    internal: false,
    enableIpv4: true,
    enableIpv6: config.ipv6 !== undefined,
    labels: {},
    options: {
      [BRIDGE_OPTION.isDefault]: "true",
      [BRIDGE_OPTION.interContainer]: String(config.interContainer),
      [BRIDGE_OPTION.masquerade]: String(config.ipMasquerade),
      [BRIDGE_OPTION.hostBindingIpv4]: config.defaultBindAddress,
      [BRIDGE_OPTION.bridgeName]: config.bridge,
      [BRIDGE_OPTION.mtu]: String(config.mtuBytes || 1500),
    },
    pools: decided.map(({ pool }) => pool),
  };
  return { network, warnings: decided.flatMap(({ warnings }) => warnings) };
}
