import type { Socket } from "node:net";
import { FailedPreconditionError } from "#base/errors.ts";
import { tryParseIp } from "#base/ip.ts";
import type { ProxyServer } from "#registry-client/proxies.ts";
import type { Origin } from "./origin.ts";
import { UnreachableError } from "./url-errors.ts";

const VERSION = 5;
const NO_LOGIN = 0;
const BY_PASSWORD = 2;
const CONNECT = 1;
const NAME_MAX_BYTES = 255;
/** RFC 1928, "Replies". */
const REPLIES: readonly string[] = [
  "succeeded",
  "general SOCKS server failure",
  "connection not allowed by ruleset",
  "network unreachable",
  "host unreachable",
  "connection refused",
  "TTL expired",
  "command not supported",
  "address type not supported",
];

/**
 * Asks a SOCKS5 proxy for a connection; the name of the server is for the proxy to look up.
 *
 * @throws {FailedPreconditionError} It refuses. {UnreachableError} It hangs up.
 * @see RFC 1928, RFC 1929
 */
export async function requestSocks(
  socket: Socket,
  { login }: Pick<ProxyServer, "login">,
  { hostname, port }: Origin,
): Promise<void> {
  const input = new ByteReader(socket);
  try {
    socket.write(Buffer.from(login ? [VERSION, 2, NO_LOGIN, BY_PASSWORD] : [VERSION, 1, NO_LOGIN]));
    const [version, method] = await input.take(2);
    if (version !== VERSION) throw refused("the proxy does not speak SOCKS5");
    if (method === BY_PASSWORD && login) {
      socket.write(Buffer.from([1, ...counted(login.username), ...counted(login.password)]));
      const [, status] = await input.take(2);
      if (status !== 0) throw refused("username/password authentication failed");
    } else if (method !== NO_LOGIN) throw refused("no acceptable authentication methods");
    const place = [...address(hostname), port >> 8, port & 0xff];
    socket.write(Buffer.from([VERSION, CONNECT, 0, ...place]));
    const [, reply = 1, , type] = await input.take(4);
    if (reply !== 0) throw refused(REPLIES[reply] ?? `unknown reply ${reply}`);
    // where the proxy has bound: of no use to us
    const lengthBytes = type === 1 ? 4 : type === 4 ? 16 : ((await input.take(1))[0] ?? 0);
    await input.take(lengthBytes + 2);
  } finally {
    input.release();
  }
}

function address(hostname: string): readonly number[] {
  const ip = tryParseIp(hostname);
  if (!ip) return [3, ...counted(hostname)];
  const bytes = hostname.includes(":") ? undefined : hostname.split(".").map(Number);
  return bytes ? [1, ...bytes] : [3, ...counted(hostname)];
}

function counted(text: string): readonly number[] {
  const bytes = Buffer.from(text);
  if (bytes.byteLength > NAME_MAX_BYTES) throw refused("a name is longer than 255 bytes");
  return [bytes.byteLength, ...bytes];
}

function refused(why: string): FailedPreconditionError {
  return new FailedPreconditionError(`socks connect: ${why}`);
}

/** Takes bytes off a socket by their number, and leaves those behind them to the next reader. */
class ByteReader {
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #wake: () => void = () => undefined;
  #hasEnded = false;
  readonly #onData = (chunk: Buffer): void => {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    this.#wake();
  };
  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    this.#wake();
  };

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", this.#onData);
    socket.once("end", this.#onEnd);
    socket.once("close", this.#onEnd);
  }

  async take(count: number): Promise<Uint8Array> {
    while (this.#bytes.byteLength < count) {
      if (this.#hasEnded) throw new UnreachableError("socks connect: unexpected EOF");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  release(): void {
    this.#socket.off("data", this.#onData);
    this.#socket.off("end", this.#onEnd);
    this.#socket.off("close", this.#onEnd);
    // nobody speaks before the client does: what is left would be the proxy's own
    if (this.#bytes.byteLength > 0) this.#socket.unshift(this.#bytes);
  }
}
