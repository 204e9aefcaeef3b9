import { dlopen } from "bun:ffi";
import { waitUntil } from "./wait-until.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const READ_EVERY_MS = 20;
const FLAGS = 0o2004000; // SOCK_CLOEXEC | SOCK_NONBLOCK

/** Listens where a service tells systemd how it is: the messages that came, in order. */
export class NotifySocket implements Disposable {
  readonly messages: string[] = [];
  readonly #libc = dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
  }).symbols;
  readonly #fd: number;
  /** The kernel keeps ten datagrams: what nobody reads keeps the service from saying more. */
  readonly #reader: NodeJS.Timeout;
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    this.#fd = this.#libc.socket(AF_UNIX, SOCK_DGRAM | FLAGS, 0);
    const address = Buffer.concat([Uint8Array.of(AF_UNIX, 0), Buffer.from(`${path}\0`)]);
    if (this.#libc.bind(this.#fd, address, address.length) !== 0) {
      throw new Error(`Cannot bind ${path}`);
    }
    this.#reader = setInterval(() => this.#receive(), READ_EVERY_MS);
  }

  /** Waits until a message has come that holds `text`. */
  async until(text: string): Promise<string> {
    await waitUntil(`the service says ${text}`, () => {
      this.#receive();
      return this.messages.some((message) => message.includes(text));
    });
    return this.messages.find((message) => message.includes(text)) ?? "";
  }

  [Symbol.dispose](): void {
    clearInterval(this.#reader);
    this.#libc.close(this.#fd);
  }

  #receive(): void {
    const buffer = Buffer.alloc(4096);
    for (;;) {
      const length = Number(this.#libc.recv(this.#fd, buffer, buffer.length, 0));
      if (length <= 0) return;
      this.messages.push(buffer.toString("utf8", 0, length));
    }
  }
}
