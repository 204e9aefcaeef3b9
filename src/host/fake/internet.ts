import { UnavailableError } from "#base/errors.ts";
import type { InternetSockets, TcpListener, UdpListener } from "#host/internet-sockets.ts";
import type { ListenerPorts, LocalPorts } from "#host/local-ports.ts";

/** Nobody is out there: what is opened hears nothing, and nobody answers. */
export class FakeInternetSockets implements InternetSockets {
  #nextPort = 40_000;

  async listenUdp(place: { readonly port: number }): Promise<UdpListener> {
    return { port: this.#portOf(place), send: () => {}, [Symbol.dispose]: () => {} };
  }

  listenTcp(place: { readonly port: number }): TcpListener {
    return { port: this.#portOf(place), [Symbol.dispose]: () => {} };
  }

  async connectUdp(): Promise<never> {
    throw new UnavailableError("network is unreachable (ENETUNREACH)");
  }

  async connectTcp(): Promise<never> {
    throw new UnavailableError("network is unreachable (ENETUNREACH)");
  }

  #portOf({ port }: { readonly port: number }): number {
    if (port !== 0) return port;
    this.#nextPort += 1;
    return this.#nextPort;
  }
}

/** Remembers where services are led to. */
export class FakeLocalPorts implements LocalPorts {
  readonly #led = new Map<string, ListenerPorts>();

  lead(namespacePath: string, { port }: { readonly port: number }, to: ListenerPorts): void {
    this.#led.set(`${namespacePath} ${port}`, to);
  }

  ledTo(namespacePath: string, { port }: { readonly port: number }): ListenerPorts | undefined {
    return this.#led.get(`${namespacePath} ${port}`);
  }
}
