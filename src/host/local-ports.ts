/** Ports that a listener took in place of one that others may want. */
export interface ListenerPorts {
  readonly udp: number;
  readonly tcp: number;
}

/**
 * Services inside a network namespace at a well-known port of a local address, which need not take that port:
 * a program in the namespace may bind it for every address, as a DNS server does that runs in a container.
 */
export interface LocalPorts {
  /**
   * Has what the namespace's programs send to `address:port` reach the listener's ports at that address, and its
   * answers come from `port`. In place of what was set up before. Quick: rules without state, by netlink.
   *
   * @param address IPv4, of 127.0.0.0/8.
   * @throws {FailedPreconditionError} The kernel has no nftables.
   */
  lead(
    namespacePath: string,
    service: { readonly address: string; readonly port: number },
    to: ListenerPorts,
  ): void;
  /** Where the service is led to, perhaps since another daemon; undefined for nowhere. */
  ledTo(namespacePath: string, service: { readonly port: number }): ListenerPorts | undefined;
}
