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
  | { readonly kind: "delete-link"; readonly name: string }
  | { readonly kind: "set-up"; readonly name: string }
  | { readonly kind: "set-down"; readonly name: string }
  | { readonly kind: "set-master"; readonly name: string; readonly master: string | null }
  | { readonly kind: "rename"; readonly name: string; readonly to: string }
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
  routes(namespacePath?: string): readonly RouteState[];
  /**
   * Applies `ops` in order, all in one namespace (the host's when `namespacePath` is absent).
   * @throws {ConflictError} The device or address exists. {NotFoundError} No such device. Others by errno.
   *   Steps before the failing one stay applied.
   */
  apply(ops: readonly LinkOp[], namespacePath?: string): void;
  /**
   * As `apply`, with the kernel's work done off the JS thread. For what takes a device away: the kernel waits
   * 15 to 50 ms in "delete-link", "set-down" and leaving a bridge. (The links of a network namespace go
   * without any wait, soon after `Namespaces.removeNetwork` and the end of its last process.)
   */
  applyAside(ops: readonly LinkOp[], namespacePath?: string): Promise<void>;
}
