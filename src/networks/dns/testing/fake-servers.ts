import { UnavailableError } from "#base/errors.ts";
import type {
  SocketPlace,
  TcpStream,
  TcpStreamEvents,
  UdpConnection,
} from "#host/internet-sockets.ts";
import type { OutgoingSockets } from "#networks/dns/forward/exchange.ts";
import { frameMessage, MessageFrames } from "#networks/dns/wire/frames.ts";

/** What a server does with a question: says something, as often as it likes; "refused" is the kernel's word. */
export type FakeServer =
  | ((question: Buffer, say: (message: Buffer) => void) => void)
  | "refused"
  | "unreachable";

/** Name servers in memory, by address, that answer by UDP and TCP alike. */
export class FakeServers implements OutgoingSockets {
  readonly #servers: Readonly<Record<string, FakeServer>>;
  /** `address udp` or `address tcp NAMESPACE`, one for each question. */
  readonly asked: string[] = [];
  /** Ids that the questions went out with. */
  readonly ids: number[] = [];
  open = 0;

  constructor(servers: Readonly<Record<string, FakeServer>>) {
    this.#servers = servers;
  }

  async connectUdp(
    place: SocketPlace,
    events: { onDatagram(payload: Buffer): void; onRefused(): void },
  ): Promise<UdpConnection> {
    const server = this.#servers[place.address] ?? "unreachable";
    if (server === "unreachable") {
      throw new UnavailableError("network is unreachable (ENETUNREACH)");
    }
    this.open += 1;
    let isOpen = true;
    return {
      send: (payload) => {
        this.#note(place, "udp", payload);
        if (server === "refused") queueMicrotask(() => events.onRefused());
        else server(Buffer.from(payload), (message) => isOpen && events.onDatagram(message));
      },
      [Symbol.dispose]: () => {
        if (isOpen) this.open -= 1;
        isOpen = false;
      },
    };
  }

  async connectTcp(place: SocketPlace, events: TcpStreamEvents): Promise<TcpStream> {
    const server = this.#servers[place.address] ?? "unreachable";
    if (typeof server === "string") {
      throw new UnavailableError("connection refused (ECONNREFUSED)");
    }
    this.open += 1;
    const frames = new MessageFrames();
    return {
      write: async (bytes) => {
        for (const message of frames.push(bytes) ?? []) {
          this.#note(place, "tcp", message);
          server(message, (answer) => {
            const framed = frameMessage(answer);
            events.onData(framed.subarray(0, 1)); // as the network may cut it
            events.onData(framed.subarray(1));
          });
        }
      },
      [Symbol.dispose]: () => {
        this.open -= 1;
      },
    };
  }

  #note(place: SocketPlace, transport: string, payload: Uint8Array): void {
    const { address, namespacePath } = place;
    this.asked.push([address, transport, namespacePath ?? []].flat().join(" "));
    this.ids.push(Buffer.from(payload).readUInt16BE(0));
  }
}
