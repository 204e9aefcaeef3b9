/** Where a socket is, or what it is connected to. */
export interface SocketPlace {
  /** A pin, or /proc/PID/ns/net; the daemon's own network namespace when absent. */
  readonly namespacePath?: string;
  /** An IP address; names are not looked up. */
  readonly address: string;
  /** To listen at: 0 for any that is free. */
  readonly port: number;
}

/** A UDP socket that anybody may send to. Disposing closes it. */
export interface UdpListener extends Disposable {
  readonly port: number;
  /** What the kernel does not take at once is lost, as datagrams are. */
  send(payload: Uint8Array, port: number, address: string): void;
}

/** A UDP socket with a random port of its own that hears one peer alone. Disposing closes it. */
export interface UdpConnection extends Disposable {
  send(payload: Uint8Array): void;
}

/** A TCP connection; disposing closes it at once. */
export interface TcpStream extends Disposable {
  /** Resolves when the kernel took all of it, or the connection is over. One writer. */
  write(bytes: Uint8Array): Promise<void>;
}

/** What a stream's owner is told; nothing more after `onEnd`. */
export interface TcpStreamEvents {
  /** @param bytes The callee's own. */
  onData(bytes: Uint8Array): void;
  /** The peer has closed, or the connection broke. */
  onEnd(): void;
}

/** A TCP socket that accepts. Disposing closes it and all that it accepted. */
export interface TcpListener extends Disposable {
  readonly port: number;
}

/** UDP and TCP in any network namespace. What is opened stays in the namespace that it was opened in. */
export interface InternetSockets {
  /**
   * @param receiveBufferBytes What the kernel keeps while nobody reads, its own overhead included.
   * @throws {ConflictError} The port is in use. {NotFoundError} The address is nobody's here.
   */
  listenUdp(
    place: SocketPlace & { readonly receiveBufferBytes: number },
    onDatagram: (payload: Buffer, port: number, address: string) => void,
  ): Promise<UdpListener>;
  /** @throws A class of `base/errors.ts` by errno: there is no way to the peer. */
  connectUdp(
    place: SocketPlace,
    events: {
      onDatagram(payload: Buffer): void;
      /** Nobody listens there, or it is out of reach. */
      onRefused(): void;
    },
  ): Promise<UdpConnection>;
  /** @throws {ConflictError} The port is in use. */
  listenTcp(place: SocketPlace, onStream: (stream: TcpStream) => TcpStreamEvents): TcpListener;
  /** @throws {UnavailableError} Refused, or the signal was aborted; others by errno. */
  connectTcp(place: SocketPlace, events: TcpStreamEvents, signal: AbortSignal): Promise<TcpStream>;
}
