import { basename, dirname } from "node:path";
import { isIPv6 } from "node:net";
import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type {
  DatagramSocket,
  PacketSocket,
  PortProtocol,
  Sockets,
  SocketVault,
  StreamSocket,
  TcpConnection,
} from "#host/sockets.ts";
import { openDatagramSocket } from "./datagram-socket.ts";
import { errnos, systemError } from "#host/linux/ffi/errno.ts";
import { cString, type Libc, O_CLOEXEC, O_NONBLOCK, O_PATH } from "#host/linux/ffi/libc.ts";
import { parseIpAddress } from "#host/linux/netlink/ip-address.ts";
import { sendDescriptors } from "./descriptor-message.ts";
import { openPacketSocket } from "./packet-socket.ts";
import { openSocketVault, socketVaultOf } from "./socket-vault.ts";
import { connectTcp, type TcpTarget } from "./tcp-connection.ts";
import { type JsThread, openDescriptor } from "#host/linux/thread.ts";

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_SEQPACKET = 5;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPPROTO_SCTP = 132;
/** Has no name in `node:os`. */
const ESOCKTNOSUPPORT = 94;
/** Connections that wait while the daemon is away; the kernel caps it by net.core.somaxconn. */
const BACKLOG = 4096;
/** sizeof(sockaddr_un.sun_path), the closing zero included. */
const LONGEST_PATH_BYTES = 108;
/** A listener whose queue is full refuses at once with EAGAIN; there is nothing to wait on. */
const CONNECT_ATTEMPTS = 100;
const CONNECT_PAUSE_MS = 5;
const F_SETFL = 4;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const LONGEST_WRITE_BYTES = 1024 * 1024;

export class LinuxSockets implements Sockets {
  readonly #libc: Libc;
  readonly #clock: Clock;
  readonly #thread: JsThread;

  constructor(options: {
    readonly libc: Libc;
    readonly clock: Clock;
    readonly thread: JsThread;
  }) {
    this.#libc = options.libc;
    this.#clock = options.clock;
    this.#thread = options.thread;
  }

  connectTcp(target: TcpTarget, signal: AbortSignal): Promise<TcpConnection> {
    return connectTcp(this.#thread, target, signal);
  }

  async connectSeqpacket(path: string): Promise<PacketSocket> {
    const attempt = `Cannot connect to "${path}"`;
    const { call } = this.#libc;
    const fd = call.socket(AF_UNIX, SOCK_SEQPACKET | O_CLOEXEC | O_NONBLOCK, 0);
    if (fd < 0) throw systemError(attempt, this.#libc.errno());
    try {
      for (let left = CONNECT_ATTEMPTS; ; left -= 1) {
        const errno = this.#connectUnix(fd, path);
        if (errno === 0) break;
        if (errno !== errnos.EAGAIN || left === 1) throw systemError(attempt, errno);
        await this.#clock.delay(CONNECT_PAUSE_MS);
      }
      return await openPacketSocket(fd, path);
    } catch (error) {
      call.close(fd);
      throw error;
    }
  }

  connectDatagram(path: string): DatagramSocket {
    const attempt = `Cannot connect to "${path}"`;
    const fd = this.#libc.call.socket(AF_UNIX, SOCK_DGRAM | O_CLOEXEC | O_NONBLOCK, 0);
    if (fd < 0) throw systemError(attempt, this.#libc.errno());
    const errno = this.#connectUnix(fd, path);
    if (errno === 0) return openDatagramSocket({ libc: this.#libc, clock: this.#clock }, fd, path);
    this.#libc.call.close(fd);
    throw systemError(attempt, errno);
  }

  async adoptStream(descriptor: number): Promise<StreamSocket> {
    const socket = await this.#takeOver(descriptor);
    return {
      chunks: () => socket.packets(),
      send: (payload) => socket.send(payload),
      sendDescriptor: (payload, lent) => this.#sendDescriptor(descriptor, payload, lent),
      endWriting: () => socket.endWriting(),
      [Symbol.asyncDispose]: () => socket[Symbol.asyncDispose](),
    };
  }

  /** Past Bun, which has no such call; it has nothing to send then. */
  #sendDescriptor(socket: number, payload: Uint8Array, descriptor: number): void {
    const message = { data: Buffer.from(payload), descriptors: [descriptor] };
    if (sendDescriptors(this.#libc, socket, message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
      throw systemError("Cannot hand a descriptor over", this.#libc.errno());
    }
  }

  async #takeOver(descriptor: number): Promise<PacketSocket> {
    const { call } = this.#libc;
    const what = `descriptor ${descriptor}`;
    try {
      if (call.fcntl(descriptor, F_SETFL, O_NONBLOCK) !== 0) {
        throw systemError(`Cannot take over ${what}`, this.#libc.errno());
      }
      return await openPacketSocket(descriptor, what, LONGEST_WRITE_BYTES);
    } catch (error) {
      call.close(descriptor);
      throw error;
    }
  }

  reservePort(protocol: PortProtocol, address: string, port: number): number | undefined {
    const attempt = `Cannot reserve ${protocol} port ${port} of ${address}`;
    const { call } = this.#libc;
    const sockaddr = encodeAddress(address, port);
    const family = isIPv6(address) ? AF_INET6 : AF_INET;
    const type = protocol === "udp" ? SOCK_DGRAM : SOCK_STREAM;
    const number = protocol === "sctp" ? IPPROTO_SCTP : 0;
    const fd = call.socket(family, type | O_CLOEXEC | O_NONBLOCK, number);
    if (fd < 0) throw openError(attempt, protocol, this.#libc.errno());
    const on = Int32Array.of(1);
    if (family === AF_INET6) call.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, on, 4);
    // Connections that a former server left in TIME_WAIT hold the port against a bind without this. Having it a
    // socket must listen, as else another of its kind could bind the port too.
    if (protocol !== "udp") call.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, on, 4);
    const isBound = call.bind(fd, sockaddr, sockaddr.length) === 0;
    if (isBound && (protocol === "udp" || call.listen(fd, BACKLOG) === 0)) return fd;
    const errno = this.#libc.errno();
    call.close(fd);
    if (errno === errnos.EADDRINUSE) return undefined;
    throw systemError(attempt, errno);
  }

  closeDescriptor(descriptor: number): void {
    this.#libc.call.close(descriptor);
  }

  openVault(): SocketVault {
    return openSocketVault(this.#libc);
  }

  vaultOf(pid: number, ends: readonly [number, number]): SocketVault | undefined {
    return socketVaultOf(this.#libc, pid, ends);
  }

  /** @returns 0, or the errno. */
  #connectUnix(fd: number, path: string): number {
    const isLong = Buffer.byteLength(path) >= LONGEST_PATH_BYTES;
    const folderFd = isLong ? openDescriptor(this.#libc, dirname(path), O_PATH) : undefined;
    try {
      const name = folderFd === undefined ? path : `/proc/self/fd/${folderFd}/${basename(path)}`;
      const address = Buffer.concat([Uint8Array.of(AF_UNIX, 0), cString(name)]); // sockaddr_un
      if (address.length > 2 + LONGEST_PATH_BYTES) return errnos.ENAMETOOLONG;
      return this.#libc.call.connect(fd, address, address.length) === 0 ? 0 : this.#libc.errno();
    } finally {
      if (folderFd !== undefined) this.#libc.call.close(folderFd);
    }
  }
}

function openError(attempt: string, protocol: PortProtocol, errno: number): Error {
  const isMissing = errno === errnos.EPROTONOSUPPORT || errno === ESOCKTNOSUPPORT;
  if (protocol === "sctp" && isMissing) {
    return new UnsupportedError(`${attempt}: this kernel has no SCTP (CONFIG_IP_SCTP)`);
  }
  return systemError(attempt, errno);
}

/** struct sockaddr_in or sockaddr_in6. */
function encodeAddress(address: string, port: number): Buffer {
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new InvalidArgumentError(`Cannot reserve port ${port}: want 0 to 65535`);
  }
  const bytes = parseIpAddress(address);
  const isIpv6 = bytes.length === 16;
  const sockaddr = Buffer.alloc(isIpv6 ? 28 : 16);
  sockaddr.writeUInt16LE(isIpv6 ? AF_INET6 : AF_INET, 0);
  sockaddr.writeUInt16BE(port, 2);
  sockaddr.set(bytes, isIpv6 ? 8 : 4);
  return sockaddr;
}
