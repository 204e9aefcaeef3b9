import { ConflictError } from "#base/errors.ts";
import type { AddressState, LinkOp, LinkState } from "#host/netlink.ts";

export interface BridgeSpec {
  readonly name: string;
  /** `172.17.0.1/16`; absent where the network has no IPv4. */
  readonly gatewayCidr?: string;
  /** `fd00::1/64`. */
  readonly ipv6Cidr?: string;
  /** 0 leaves the kernel's own. */
  readonly mtuBytes: number;
  readonly alias: string;
}

export interface BridgeState {
  readonly link: LinkState | undefined;
  readonly addresses: readonly AddressState[];
}

export function stateOfBridge(
  link: LinkState | undefined,
  addresses: readonly AddressState[],
): BridgeState {
  return { link, addresses: addresses.filter(({ linkIndex }) => linkIndex === link?.index) };
}

/**
 * Steps from what is there to a bridge that is up and has its address. A bridge of somebody else is
 * used as it is, but for an address where it has none.
 *
 * @throws {ConflictError} The name belongs to another device or another engine.
 */
export function planBridge(want: BridgeSpec, have: BridgeState): readonly LinkOp[] {
  const { name, gatewayCidr, ipv6Cidr, mtuBytes, alias } = want;
  const { link } = have;
  const ops: LinkOp[] = [];
  const mtu = mtuBytes > 0 ? { mtuBytes } : {};
  if (!link) {
    ops.push({ kind: "add-bridge", name, alias, ...mtu });
  } else if (link.kind !== "bridge") {
    throw new ConflictError(
      `Cannot use device "${name}" as bridge: it is a ${link.kind || "physical device"}; name another with --bridge`,
    );
  } else if (link.alias?.startsWith("wharf:") && link.alias !== alias) {
    throw new ConflictError(
      `Cannot use bridge "${name}": it belongs to another Wharf engine (${link.alias.slice("wharf:".length)}); ` +
        "name another with --bridge",
    );
  }
  const isOwn = link === undefined || link.alias === alias;
  if (isOwn) {
    for (const { cidr, scope } of have.addresses) {
      const isKernels = cidr.includes(":") && scope === "link";
      if (isKernels || cidr === gatewayCidr || cidr === ipv6Cidr) continue;
      ops.push({ kind: "delete-address", name, cidr });
    }
    if (link && mtuBytes > 0 && link.mtuBytes !== mtuBytes) {
      ops.push({ kind: "set-mtu", name, mtuBytes });
    }
  }
  for (const cidr of [gatewayCidr, ipv6Cidr]) {
    if (cidr === undefined || have.addresses.some((address) => address.cidr === cidr)) continue;
    ops.push({ kind: "add-address", name, cidr });
  }
  if (!link?.isUp) ops.push({ kind: "set-up", name });
  return ops;
}
