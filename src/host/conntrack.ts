/** One service behind address translation. */
export interface LedTo {
  readonly protocol: "tcp" | "udp" | "sctp";
  /** The port that clients send to. */
  readonly hostPort: number;
  /** Who answers. */
  readonly containerAddress: string;
  readonly containerPort: number;
}

/** Which remembered connections. */
export type ConnectionMatch =
  /** Those answered by `address`: to it directly, or rewritten to it. */
  | { readonly kind: "answered-by"; readonly address: string }
  /** Those that came to a port and were led to another address and port. */
  | { readonly kind: "led-to"; readonly targets: readonly LedTo[] }
  /** Those sent to one of `ports` of one of `addresses`, whoever was to answer. */
  | {
      readonly kind: "sent-to";
      readonly protocol: "tcp" | "udp";
      readonly addresses: readonly string[];
      readonly ports: readonly number[];
    };

/** The kernel's table of connections, which decides where packets of a known connection go. */
export interface Conntrack {
  /**
   * Forgets the connections that match, so that their next packet is looked at afresh; off the JS thread, as a kernel
   * that has to be asked for the whole of its table takes some 10 ms.
   */
  forget(match: ConnectionMatch): Promise<void>;
}
