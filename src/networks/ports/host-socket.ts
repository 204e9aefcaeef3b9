import type { KeptSocket, Sockets } from "#host/sockets.ts";
import type { PublishedPort } from "#networks/networks.ts";
import { openTcpRelay, openUdpRelay, type Relay, type RelayTarget } from "./relay.ts";

/** What names a published port: on the host, or in the container where it has none of the host's. */
export function keyOf(port: PublishedPort): string {
  const { protocol, hostAddress, hostPort, containerPort } = port;
  return `${protocol} ${hostAddress} ${hostPort === 0 ? `>${containerPort}` : hostPort}`;
}

/** The socket that holds a port of the host; what comes past the rules it relays. SCTP is held only. */
export class HostSocket implements KeptSocket, AsyncDisposable {
  readonly name: string;
  readonly descriptor: number;
  readonly #sockets: Pick<Sockets, "closeDescriptor">;
  #relay: Relay | undefined;
  #target: RelayTarget | undefined;

  private constructor(sockets: Pick<Sockets, "closeDescriptor">, name: string, descriptor: number) {
    this.#sockets = sockets;
    this.name = name;
    this.descriptor = descriptor;
  }

  /** @param descriptor Of a socket that is bound to the port; this one's from here on. */
  static async open(
    sockets: Pick<Sockets, "closeDescriptor">,
    port: PublishedPort,
    descriptor: number,
  ): Promise<HostSocket> {
    const socket = new HostSocket(sockets, keyOf(port), descriptor);
    const findTarget = (): RelayTarget | undefined => socket.#target;
    switch (port.protocol) {
      case "tcp":
        socket.#relay = openTcpRelay(descriptor, findTarget);
        break;
      case "udp":
        socket.#relay = await openUdpRelay(
          descriptor,
          port.hostAddress.includes(":") ? 6 : 4,
          findTarget,
        );
        break;
      case "sctp":
        break;
    }
    return socket;
  }

  /** Where what it relays goes from now on; connections that there are go on. */
  lead(target: RelayTarget | undefined): void {
    this.#target = target;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#relay) await this.#relay[Symbol.asyncDispose]();
    else this.#sockets.closeDescriptor(this.descriptor);
  }
}
