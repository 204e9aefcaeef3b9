/** A connected AF_UNIX SOCK_SEQPACKET socket: packet borders are kept. */
export interface PacketSocket extends AsyncDisposable {
  /** Packets as they come; ends at the peer's close. One reader. Not read ahead: back-pressure is the kernel's. */
  packets(): AsyncIterable<Uint8Array>;
  /** Resolves when the kernel took it; larger payloads are cut into packets of at most 32 KiB. */
  send(payload: Uint8Array): Promise<void>;
  /** shutdown(SHUT_WR): the peer reads end of file. */
  endWriting(): void;
}

export interface Sockets {
  /** @param path Any length: over the kernel's 108 bytes it goes through /proc/self/fd. */
  connectSeqpacket(path: string): Promise<PacketSocket>;
  /**
   * Binds a port on the host without accepting, so that others get "address in use".
   * @returns Descriptor, close-on-exec; undefined when the address is in use.
   */
  reservePort(protocol: "tcp" | "udp", address: string, port: number): number | undefined;
  closeDescriptor(descriptor: number): void;
}
