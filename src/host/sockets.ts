/** A connected AF_UNIX SOCK_SEQPACKET socket: packet borders are kept. */
export interface PacketSocket extends AsyncDisposable {
  /** Packets as they come; ends at the peer's close. One reader. Not read ahead: back-pressure is the kernel's. */
  packets(): AsyncIterable<Uint8Array>;
  /** Resolves when the kernel took it; larger payloads are cut into packets of at most 32 KiB. */
  send(payload: Uint8Array): Promise<void>;
  /** shutdown(SHUT_WR): the peer reads end of file. */
  endWriting(): void;
}

/** A connected AF_UNIX SOCK_DGRAM socket, as syslog and journald listen on. */
export interface DatagramSocket extends Disposable {
  /**
   * Resolves when the kernel took it, once the receiver's queue has room.
   * @throws {UnavailableError} The receiver is gone.
   */
  send(payload: Uint8Array, signal: AbortSignal): Promise<void>;
}

/** A TCP connection; disposing closes it at once. */
export interface TcpConnection extends Disposable {
  /** Bytes as they come; ends at the peer's close or the disposal. One reader. */
  data(): AsyncIterable<Uint8Array>;
  /** For a few hundred bytes: what the kernel's buffer takes. */
  write(bytes: Uint8Array): void;
}

/** One end of a stream of bytes. */
export interface StreamSocket extends AsyncDisposable {
  /** Bytes as they come; ends at the peer's close. One reader. Little is read ahead. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Resolves when the kernel took it. @throws {UnavailableError} The peer is gone. */
  send(payload: Uint8Array): Promise<void>;
  /**
   * Sends a few hundred bytes with a descriptor, which the peer gets as one of its own; only when all that was sent before has
   * been taken.
   *
   * @throws {UnavailableError} The peer is gone.
   */
  sendDescriptor(payload: Uint8Array, descriptor: number): void;
  /** The peer reads end of file. */
  endWriting(): void;
}

/** An open socket, and what it is known by to whoever finds it. */
export interface KeptSocket {
  readonly name: string;
  readonly descriptor: number;
}

/**
 * A place in the kernel where sockets stay open: as long as any process has its ends, which need do nothing with
 * them. Disposing lets go of this process's ends.
 */
export interface SocketVault extends Disposable {
  /** Both ends, for another process to inherit. */
  readonly ends: readonly [number, number];
  /** Keeps these in place of what is kept; the descriptors go on to be the caller's. */
  keep(sockets: readonly KeptSocket[]): void;
  /** What is kept, as descriptors that are the caller's; it stays kept. */
  take(): readonly KeptSocket[];
  /** The same vault by ends of its own. Only one of those who have it changes it. */
  share(): SocketVault;
}

export type PortProtocol = "tcp" | "udp" | "sctp";

export interface Sockets {
  /** Takes a connected SOCK_STREAM descriptor over, which disposal closes: a process's "pipe" from 3 on. */
  adoptStream(descriptor: number): Promise<StreamSocket>;
  /**
   * Connects from inside a network namespace.
   *
   * @param target `address` is an IP address; names are not looked up.
   * @param signal An abort closes the socket and throws the reason.
   * @throws {UnavailableError} Refused, unreachable: `connection refused (ECONNREFUSED)` and the like.
   */
  connectTcp(
    target: {
      /** A pin, or /proc/PID/ns/net. */
      readonly namespacePath: string;
      readonly address: string;
      readonly port: number;
    },
    signal: AbortSignal,
  ): Promise<TcpConnection>;
  /** @throws {NotFoundError} {UnavailableError} Nobody listens at `path`. */
  connectDatagram(path: string): DatagramSocket;
  /** @param path Any length: over the kernel's 108 bytes it goes through /proc/self/fd. */
  connectSeqpacket(path: string): Promise<PacketSocket>;
  /**
   * Takes a port of the host, so that others get "address in use". TCP sockets listen: what connects waits until
   * somebody accepts.
   *
   * @returns Descriptor, close-on-exec; undefined when the address is in use.
   * @throws {UnsupportedError} The kernel has no SCTP.
   */
  reservePort(protocol: PortProtocol, address: string, port: number): number | undefined;
  closeDescriptor(descriptor: number): void;
  /** An empty vault. */
  openVault(): SocketVault;
  /**
   * A vault that another process has inherited (pidfd_getfd).
   *
   * @param pid Whose it is: the caller sees to it that this is not a later process with the number.
   * @param ends Descriptors of that process.
   * @returns Undefined when the process has ended.
   */
  vaultOf(pid: number, ends: readonly [number, number]): SocketVault | undefined;
}
