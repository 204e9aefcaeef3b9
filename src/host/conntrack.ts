/** Which remembered connections, IPv4. */
export type ConnectionMatch =
  /** Those answered by `address`: to it directly, or rewritten to it. */
  | { readonly kind: "answered-by"; readonly address: string }
  /** Those sent to a port of one of `addresses`, whoever was to answer. */
  | {
      readonly kind: "sent-to";
      readonly protocol: "tcp" | "udp";
      readonly addresses: readonly string[];
      readonly port: number;
    };

/** The kernel's table of connections, which decides where packets of a known connection go. */
export interface Conntrack {
  /**
   * Forgets the connections that match, so that their next packet is looked at afresh. About 0.1 ms and as
   * much for each thousand connections of the host.
   *
   * @returns How many there were.
   */
  forget(match: ConnectionMatch): number;
}
