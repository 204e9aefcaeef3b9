import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { UnavailableError } from "#base/errors.ts";

/** A UDP socket towards one receiver, whose name is looked up once. */
export class UdpSender implements Disposable {
  readonly #socket: Socket;
  readonly #address: string;
  readonly #port: number;

  private constructor(socket: Socket, address: string, port: number) {
    this.#socket = socket;
    this.#address = address;
    this.#port = port;
    socket.on("error", () => undefined); // nobody listens there now: as lost as any other datagram
    socket.unref();
  }

  /** @throws {UnavailableError} No such host. */
  static async open(host: string, port: number): Promise<UdpSender> {
    try {
      const { address, family } = await lookup(host === "" ? "localhost" : host);
      return new UdpSender(createSocket(family === 6 ? "udp6" : "udp4"), address, port);
    } catch (error) {
      throw new UnavailableError(`dial udp: lookup ${host}: no such host`, { cause: error });
    }
  }

  /** Resolves when the kernel has it. */
  async send(datagram: Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.send(datagram, this.#port, this.#address, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
