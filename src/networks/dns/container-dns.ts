import { ConflictError } from "#base/errors.ts";
import type { InternetSockets, TcpListener, UdpListener } from "#host/internet-sockets.ts";
import type { LocalPorts } from "#host/local-ports.ts";
import type { Forwarder } from "./forward/forwarder.ts";
import type { Zone } from "./look-up.ts";
import type { NameTable } from "./name-table.ts";
import { Resolver } from "./resolver.ts";
import { TcpClients } from "./tcp-clients.ts";
import { DNS_ADDRESS, DNS_PORT, type Upstream } from "./upstreams.ts";
import { encodeAnswer } from "./wire/answer.ts";
import { PLAIN_UDP_BYTES, TYPE } from "./wire/constants.ts";
import { textOfKey } from "./wire/name.ts";
import type { Query } from "./wire/query.ts";

/** What the kernel keeps while the thread waits for a processor: some 5,400 questions, 270 ms of 20,000 a second. */
const RECEIVE_BUFFER_BYTES = 4 << 20;

/**
 * Questions of one container in one turn of the event loop: more than the kernel keeps. Beyond it they come faster
 * than they are answered; they are dropped, so that the turn ends and others get theirs.
 */
const MAX_PER_TURN = 6000;

/** The network side of one container, as its DNS needs it. */
export interface DnsClient {
  readonly namespacePath: string;
  readonly zone: Zone;
  /** Asked at each question that is forwarded: the host's servers may change. */
  readonly upstreams: () => readonly Upstream[];
  /** `ndots` was set by hand: a name without a dot is for the search domains, not for others. */
  readonly hasNdots: () => boolean;
}

export interface ContainerDnsOptions {
  readonly internet: InternetSockets;
  readonly localPorts: LocalPorts;
  readonly table: NameTable;
  readonly forwarder: Forwarder;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/**
 * The DNS server at 127.0.0.11 in the namespace of one container. Its sockets take ports that were free, where
 * rules of the namespace lead port 53 to: the container may have a DNS server of its own at 0.0.0.0:53.
 */
export class ContainerDns implements Disposable {
  readonly #options: ContainerDnsOptions;
  readonly #resolver: Resolver;
  #client: DnsClient;
  readonly #closing = new AbortController();
  #askedInTurn = 0;
  readonly #open = new DisposableStack();

  private constructor(options: ContainerDnsOptions, client: DnsClient) {
    this.#options = options;
    this.#client = client;
    this.#resolver = new Resolver({ ...options, zone: client.zone });
  }

  /** @throws {FailedPreconditionError} The kernel has no nftables. {NotFoundError} The namespace is gone. */
  static async open(options: ContainerDnsOptions, client: DnsClient): Promise<ContainerDns> {
    const dns = new ContainerDns(options, client);
    try {
      await dns.#listen();
      return dns;
    } catch (error) {
      dns[Symbol.dispose]();
      throw error;
    }
  }

  /** The container is on other networks now. */
  update(client: DnsClient): void {
    this.#client = client;
    this.#resolver.setZone(client.zone);
  }

  /** Where a daemon before listened the rules lead still; a new pair of ports needs new ones. */
  async #listen(): Promise<void> {
    const { localPorts } = this.#options;
    const { namespacePath } = this.#client;
    const before = localPorts.ledTo(namespacePath, { port: DNS_PORT });
    if (before && (await this.#tryListenAt(before))) return;
    const ports = await this.#listenAt({ udp: 0, tcp: 0 });
    localPorts.lead(namespacePath, { address: DNS_ADDRESS, port: DNS_PORT }, ports);
  }

  async #tryListenAt(ports: { readonly udp: number; readonly tcp: number }): Promise<boolean> {
    try {
      await this.#listenAt(ports);
      return true;
    } catch (error) {
      if (error instanceof ConflictError) return false;
      throw error;
    }
  }

  async #listenAt(ports: {
    readonly udp: number;
    readonly tcp: number;
  }): Promise<{ readonly udp: number; readonly tcp: number }> {
    using opened = new DisposableStack();
    const { internet } = this.#options;
    const { namespacePath } = this.#client;
    const at = { namespacePath, address: DNS_ADDRESS };
    const udp: UdpListener = opened.use(
      await internet.listenUdp(
        { ...at, port: ports.udp, receiveBufferBytes: RECEIVE_BUFFER_BYTES },
        (message, port, address) => this.#onDatagram(udp, message, { port, address }),
      ),
    );
    const clients = opened.use(
      new TcpClients({ answer: (message) => this.#answer(message, "tcp") }),
    );
    const tcp: TcpListener = opened.use(
      internet.listenTcp({ ...at, port: ports.tcp }, (stream) => clients.accept(stream)),
    );
    this.#open.use(opened.move());
    return { udp: udp.port, tcp: tcp.port };
  }

  /** What the engine knows is answered at once, in the socket's own turn. */
  #onDatagram(
    socket: UdpListener,
    message: Buffer,
    from: { readonly port: number; readonly address: string },
  ): void {
    if (this.#askedInTurn === 0) {
      setImmediate(() => {
        this.#askedInTurn = 0;
      });
    }
    this.#askedInTurn += 1;
    if (this.#askedInTurn > MAX_PER_TURN) return;
    const decision = this.#resolver.decide(message, "udp");
    if (decision.kind === "answer") socket.send(decision.bytes, from.port, from.address);
    if (decision.kind !== "forward") return;
    void this.#forward(decision.query, "udp").then((answer) => {
      if (!this.#open.disposed) socket.send(answer, from.port, from.address);
    });
  }

  async #answer(message: Buffer, transport: "udp" | "tcp"): Promise<Buffer | undefined> {
    const decision = this.#resolver.decide(message, transport);
    switch (decision.kind) {
      case "silence":
        return undefined;
      case "answer":
        return decision.bytes;
      case "forward":
        return await this.#forward(decision.query, transport);
    }
  }

  async #forward(query: Query, transport: "udp" | "tcp"): Promise<Buffer> {
    const { namespacePath, upstreams, hasNdots } = this.#client;
    const isHost = query.type === TYPE.a || query.type === TYPE.aaaa;
    if (isHost && hasNdots() && textOfKey(query.key)?.includes(".") === false) {
      return encodeAnswer(query, [], PLAIN_UDP_BYTES);
    }
    return await this.#options.forwarder.forward(query, transport, {
      namespacePath,
      upstreams: upstreams(),
      signal: this.#closing.signal,
    });
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
    this.#open.dispose();
  }
}
