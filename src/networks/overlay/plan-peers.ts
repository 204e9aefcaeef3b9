import type { LinkOp, NeighbourState } from "#host/netlink.ts";

/** A container of the network on another host. */
export interface OverlayPeer {
  readonly address: string;
  readonly macAddress: string;
  /** Where its host takes the network's packets. */
  readonly hostAddress: string;
}

/**
 * Steps from what a VXLAN device knows to what it is to know: to which host frames go, and whose address is whose.
 * What is no longer so goes first: an address may have moved to another host.
 *
 * @param have The device's own entries.
 */
export function planPeers(
  name: string,
  have: readonly NeighbourState[],
  want: readonly OverlayPeer[],
): readonly LinkOp[] {
  const forwarding = new Set(
    have
      .filter(({ isForwarding, address }) => isForwarding && address !== undefined)
      .map(({ macAddress, address }) => `${macAddress} ${address}`),
  );
  const neighbours = new Map(
    have
      .filter(({ isForwarding, address }) => !isForwarding && address !== undefined)
      .map(({ address = "", macAddress }) => [address, macAddress]),
  );
  const wantedForwarding = new Map(
    want.map((peer) => [`${peer.macAddress} ${peer.hostAddress}`, peer]),
  );
  const wantedNeighbours = new Map(want.map((peer) => [peer.address, peer.macAddress]));
  const gone = [...forwarding].filter((key) => !wantedForwarding.has(key));
  const unknown = [...neighbours.keys()].filter((address) => !wantedNeighbours.has(address));
  const added = [...wantedForwarding].filter(([key]) => !forwarding.has(key));
  const told = [...wantedNeighbours].filter(([address, mac]) => neighbours.get(address) !== mac);
  return [
    ...gone.map((key): LinkOp => {
      const [macAddress = "", remoteAddress = ""] = key.split(" ");
      return { kind: "delete-forwarding", name, macAddress, remoteAddress };
    }),
    ...unknown.map((address): LinkOp => ({ kind: "delete-neighbour", name, address })),
    ...added.map(
      ([, { macAddress, hostAddress }]): LinkOp => ({
        kind: "add-forwarding",
        name,
        macAddress,
        remoteAddress: hostAddress,
      }),
    ),
    ...told.map(
      ([address, macAddress]): LinkOp => ({ kind: "add-neighbour", name, address, macAddress }),
    ),
  ];
}
