import { InternalError } from "#base/errors.ts";
import type { KeptSocket, SocketVault } from "#host/sockets.ts";
import { errnos, systemError } from "#host/linux/ffi/errno.ts";
import { type Libc, O_CLOEXEC, O_NONBLOCK } from "#host/linux/ffi/libc.ts";
import { receiveDescriptors, sendDescriptors } from "./descriptor-message.ts";
import { OwnedDescriptor } from "./owned-descriptor.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const F_DUPFD_CLOEXEC = 1030;
const SYS_PIDFD_OPEN = 434;
const SYS_PIDFD_GETFD = 438;
/** Below the kernel's 253 (SCM_MAX_FD), with names that fit one packet. */
const MOST_IN_ONE_PACKET = 200;
const PACKET_BYTES = 64 * 1024;

type Ends = readonly [OwnedDescriptor, OwnedDescriptor];

/**
 * A pair of connected sockets, one packet or more waiting in it, each with descriptors (SCM_RIGHTS) and their
 * names. The newer packets are put in before the older are taken out, so that nothing that stays is ever without
 * a holder.
 */
class LinuxSocketVault implements SocketVault {
  readonly #libc: Libc;
  readonly #ends: Ends;
  #packets = 0;

  constructor(libc: Libc, ends: Ends) {
    this.#libc = libc;
    this.#ends = ends;
  }

  get ends(): readonly [number, number] {
    return [this.#ends[0].number, this.#ends[1].number];
  }

  keep(sockets: readonly KeptSocket[]): void {
    let sent = 0;
    for (let at = 0; at < sockets.length; at += MOST_IN_ONE_PACKET) {
      this.#send(sockets.slice(at, at + MOST_IN_ONE_PACKET));
      sent += 1;
    }
    for (let left = this.#packets; left > 0; left -= 1) {
      for (const { descriptor } of this.#receive() ?? []) this.#libc.call.close(descriptor);
    }
    this.#packets = sent;
  }

  take(): readonly KeptSocket[] {
    const found = new Map<string, KeptSocket>();
    for (let packet = this.#receive(); packet !== undefined; packet = this.#receive()) {
      for (const socket of packet) {
        const twin = found.get(socket.name);
        if (twin) this.#libc.call.close(twin.descriptor);
        found.set(socket.name, socket);
      }
    }
    this.#packets = 0;
    this.keep([...found.values()]);
    return [...found.values()];
  }

  share(): SocketVault {
    const [a, b] = this.#ends;
    const twin = new LinuxSocketVault(this.#libc, [this.#duplicate(a), this.#duplicate(b)]);
    twin.#packets = this.#packets;
    return twin;
  }

  [Symbol.dispose](): void {
    for (const end of this.#ends) end[Symbol.dispose]();
  }

  #duplicate(end: OwnedDescriptor): OwnedDescriptor {
    const fd = this.#libc.call.fcntl(end.number, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) throw systemError("Cannot share kept sockets", this.#libc.errno());
    return own(this.#libc, fd);
  }

  #send(sockets: readonly KeptSocket[]): void {
    const names = Buffer.from(JSON.stringify(sockets.map(({ name }) => name)));
    const descriptors = sockets.map(({ descriptor }) => descriptor);
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const message = { data: names, descriptors };
    if (sendDescriptors(this.#libc, this.#ends[1].number, message, flags) < 0) {
      throw systemError("Cannot keep sockets for the next daemon", this.#libc.errno());
    }
  }

  /** @returns The oldest packet; undefined when there is none. */
  #receive(): readonly KeptSocket[] | undefined {
    const data = Buffer.alloc(PACKET_BYTES);
    const into = { data, mostDescriptors: MOST_IN_ONE_PACKET };
    const received = receiveDescriptors(this.#libc, this.#ends[0].number, into, MSG_DONTWAIT);
    const { length, descriptors } = received;
    if (length === 0) return undefined; // the other end is gone
    if (length < 0) {
      const errno = this.#libc.errno();
      if (errno === errnos.EAGAIN) return undefined;
      throw systemError("Cannot read kept sockets", errno);
    }
    const names: unknown = JSON.parse(data.toString("utf8", 0, length));
    if (!Array.isArray(names) || names.length !== descriptors.length) {
      throw new InternalError("Cannot read kept sockets: what is kept there is none of ours");
    }
    return names.map((name, index) => ({
      name: String(name),
      descriptor: descriptors[index] ?? -1,
    }));
  }
}

function own(libc: Libc, descriptor: number): OwnedDescriptor {
  return new OwnedDescriptor(libc, descriptor, "an end of kept sockets");
}

/** @see Sockets.openVault */
export function openSocketVault(libc: Libc): SocketVault {
  const pair = new Int32Array(2);
  const type = SOCK_SEQPACKET | O_CLOEXEC | O_NONBLOCK;
  if (libc.call.socketpair(AF_UNIX, type, 0, pair) !== 0) {
    throw systemError("Cannot make a place for kept sockets", libc.errno());
  }
  const [a = -1, b = -1] = pair;
  return new LinuxSocketVault(libc, [own(libc, a), own(libc, b)]);
}

/** @see Sockets.vaultOf */
export function socketVaultOf(
  libc: Libc,
  pid: number,
  ends: readonly [number, number],
): SocketVault | undefined {
  const pidfd = libc.call.syscall(SYS_PIDFD_OPEN, pid, 0, 0, 0, 0, 0);
  if (pidfd < 0) return undefined; // ended meanwhile
  const taken: OwnedDescriptor[] = [];
  try {
    for (const end of ends) {
      const fd = libc.call.syscall(SYS_PIDFD_GETFD, pidfd, end, 0, 0, 0, 0);
      if (fd < 0) throw systemError(`Cannot get at the sockets of process ${pid}`, libc.errno());
      taken.push(own(libc, fd));
    }
  } catch (error) {
    for (const end of taken) end[Symbol.dispose]();
    throw error;
  } finally {
    libc.call.close(pidfd);
  }
  const [a, b] = taken;
  return a && b ? new LinuxSocketVault(libc, [a, b]) : undefined;
}
