/** A network device as rtnetlink shows it. */
export interface LinkState {
  readonly index: number;
  readonly name: string;
  /** `bridge`, `veth`, `dummy`, `vxlan`…; empty for physical devices and `lo`. */
  readonly kind: string;
  /** `aa:bb:cc:dd:ee:ff`; empty where the device has none. */
  readonly macAddress: string;
  readonly mtuBytes: number;
  readonly isUp: boolean;
  /** Index of the bridge it belongs to. */
  readonly masterIndex?: number;
  /** Index of the peer in its own namespace, for veth. */
  readonly peerIndex?: number;
  /** IFLA_IFALIAS: Wharf writes its engine id there, to know its own. */
  readonly alias?: string;
}

export interface AddressState {
  readonly linkIndex: number;
  /** `172.17.0.1/16` or `fd00::1/64`. */
  readonly cidr: string;
  readonly scope: "global" | "site" | "link" | "host" | "nowhere";
}

export interface RouteState {
  /** `default` or a CIDR. */
  readonly destination: string;
  readonly gateway?: string;
  readonly linkIndex?: number;
  readonly table: number;
  readonly family: 4 | 6;
}

export interface NeighbourState {
  readonly linkIndex: number;
  readonly macAddress: string;
  /** Of the neighbour; of an entry for forwarding the host that has it. Absent for a bridge's own entries. */
  readonly address?: string;
  readonly isForwarding: boolean;
}

/** Who reaches whom of those on one parent: all, nobody, all by way of the switch outside, or there is but one. */
export type MacvlanMode = "bridge" | "private" | "vepa" | "passthru";

/** What the parent looks at: Ethernet addresses, IP addresses, or these with the host's netfilter. */
export type IpvlanMode = "l2" | "l3" | "l3s";

export type IpvlanIsolation = "bridge" | "private" | "vepa";

/** Steps on devices. Names, not indexes; each is idempotent only where said. */
export type LinkOp =
  | {
      readonly kind: "add-bridge";
      readonly name: string;
      readonly macAddress?: string;
      readonly mtuBytes?: number;
      readonly alias?: string;
    }
  | {
      readonly kind: "add-veth";
      readonly name: string;
      readonly alias?: string;
      readonly mtuBytes?: number;
      /** The bridge that the host's end joins; the end is set up. */
      readonly master?: string;
      /** The other end, born inside `namespacePath`. */
      readonly peer: {
        readonly name: string;
        readonly namespacePath: string;
        readonly macAddress?: string;
      };
    }
  | {
      readonly kind: "add-macvlan";
      readonly name: string;
      /** Device of the namespace that `apply` acts in. */
      readonly parent: string;
      readonly mode: MacvlanMode;
      /** Where it is born. */
      readonly namespacePath: string;
      readonly macAddress?: string;
      readonly mtuBytes?: number;
    }
  | {
      readonly kind: "add-ipvlan";
      readonly name: string;
      readonly parent: string;
      readonly mode: IpvlanMode;
      readonly isolation: IpvlanIsolation;
      readonly namespacePath: string;
      readonly mtuBytes?: number;
    }
  /** A device for one VLAN (802.1Q) of `parent`. */
  | {
      readonly kind: "add-vlan";
      readonly name: string;
      readonly parent: string;
      /** 1 to 4094. */
      readonly vlanId: number;
      readonly alias?: string;
    }
  /** A device that has carrier and drops what is sent by it. */
  | {
      readonly kind: "add-placeholder";
      readonly name: string;
      readonly type: "dummy" | "ifb";
      readonly alias?: string;
    }
  /** One end of a tunnel that carries Ethernet frames to other hosts; it learns no addresses by itself. */
  | {
      readonly kind: "add-vxlan";
      readonly name: string;
      /** VXLAN network identifier, below 2^24. */
      readonly vni: number;
      readonly port: number;
      readonly localAddress?: string;
      readonly mtuBytes?: number;
      readonly alias?: string;
    }
  /** Frames for `macAddress` leave by this VXLAN device, to the host `remoteAddress`. */
  | {
      readonly kind: "add-forwarding" | "delete-forwarding";
      readonly name: string;
      readonly macAddress: string;
      readonly remoteAddress: string;
    }
  /** Whom the kernel takes for `address` on the device without asking there; takes the place of what was known. */
  | {
      readonly kind: "add-neighbour";
      readonly name: string;
      readonly address: string;
      readonly macAddress: string;
    }
  | { readonly kind: "delete-neighbour"; readonly name: string; readonly address: string }
  | { readonly kind: "delete-link"; readonly name: string }
  | { readonly kind: "set-up"; readonly name: string }
  | { readonly kind: "set-down"; readonly name: string }
  | { readonly kind: "set-master"; readonly name: string; readonly master: string | null }
  | { readonly kind: "rename"; readonly name: string; readonly to: string }
  /** Into another namespace, under a name that is free there; down, without addresses. */
  | {
      readonly kind: "move-link";
      readonly name: string;
      readonly to: string;
      readonly namespacePath: string;
    }
  | { readonly kind: "set-alias"; readonly name: string; readonly alias: string }
  | { readonly kind: "set-mtu"; readonly name: string; readonly mtuBytes: number }
  | { readonly kind: "set-mac"; readonly name: string; readonly macAddress: string }
  | { readonly kind: "add-address"; readonly name: string; readonly cidr: string }
  | { readonly kind: "delete-address"; readonly name: string; readonly cidr: string }
  | {
      readonly kind: "add-route";
      readonly destination: string;
      readonly gateway?: string;
      readonly name?: string;
      /** Takes the place of the route that leads there now, where there is one. */
      readonly isReplacing?: boolean;
    }
  | { readonly kind: "set-hairpin"; readonly name: string; readonly enabled: boolean };

/** rtnetlink, synchronous: a request is answered by the kernel before sendmsg returns. */
export interface Netlink {
  links(namespacePath?: string): readonly LinkState[];
  link(name: string, namespacePath?: string): LinkState | undefined;
  addresses(namespacePath?: string): readonly AddressState[];
  /** Of one device of the host: what it costs does not grow with the others. */
  addressesOf(linkIndex: number): readonly AddressState[];
  routes(namespacePath?: string): readonly RouteState[];
  /** Whether the kernel can make devices of a kind, `macvlan` say; loads its module where it has one. */
  hasKind(kind: string): boolean;
  /** What devices know of others: neighbours by address, and where frames go from bridges and VXLAN devices. */
  neighbours(namespacePath?: string): readonly NeighbourState[];
  /**
   * Applies `ops` in order, all in one namespace (the host's when `namespacePath` is absent).
   * @throws {ConflictError} The device or address exists. {NotFoundError} No such device. Others by errno.
   *   Steps before the failing one stay applied, and steps after it may be, but for those after one that makes, moves
   *   or deletes a device.
   */
  apply(ops: readonly LinkOp[], namespacePath?: string): void;
  /**
   * As `apply`, with the kernel's work done off the JS thread. For what takes a device away: the kernel waits
   * 15 to 50 ms in "delete-link", "set-down" and leaving a bridge. (The links of a network namespace go
   * without any wait, soon after `Namespaces.removeNetwork` and the end of its last process.)
   */
  applyAside(ops: readonly LinkOp[], namespacePath?: string): Promise<void>;
  /**
   * Deletes a device off the JS thread. The kernel takes it out of sight at once and 25 to 40 ms more to free it, which
   * nobody has to wait for.
   *
   * @returns When nobody sees the device any more, and its name is free.
   * @throws {NotFoundError} No such device.
   */
  deleteLink(name: string, namespacePath?: string): Promise<void>;
}
