import { write } from "node:fs";
import { promisify } from "node:util";
import { InternalError, type WharfError } from "#base/errors.ts";
import { errnos, systemError } from "#host/linux/ffi/errno.ts";
import { type Libc, O_CLOEXEC } from "#host/linux/ffi/libc.ts";
import { OwnedDescriptor } from "#host/linux/sockets/owned-descriptor.ts";
import {
  decodeAttributes,
  decodeMessages,
  encodeRequest,
  type NetlinkMessage,
  type NetlinkRequest,
  NLMSG_DONE,
  NLMSG_ERROR,
  readText,
} from "./message.ts";

/** write(2) on one of Bun's I/O threads; a netlink socket without an address talks to the kernel. */
const writeAside = promisify<number, Uint8Array, number>(write);

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
const SIOCGIFINDEX = 0x8933;
/** struct ifreq: the name, then the index. */
const IFREQ_BYTES = 40;
const IFREQ_NAME_BYTES = 16;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_PEEK = 0x2;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;

const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
/** A dump fills at most this much a read. */
const RECEIVE_BYTES = 64 * 1024;
/** The kernel asks for a repetition when the table changed during a dump. */
const DUMP_ATTEMPTS = 20;

/** @see NetlinkSocket.changeAll */
export interface NetlinkChange {
  /** For the error: `Cannot add link "x"`. */
  readonly attempt: string;
  readonly request: NetlinkRequest;
}

/**
 * A netlink socket, rtnetlink's unless told, of the network namespace that it was opened in. The kernel answers during send(2), so
 * every exchange is synchronous.
 */
export class NetlinkSocket implements Disposable {
  readonly #libc: Libc;
  readonly #descriptor: OwnedDescriptor;
  /** Of all sockets: what is received is copied out of it at once. */
  static readonly #buffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
  #sequence = 0;

  /** @param options.bufferBytes Room for one `transact` and its answers; without CAP_NET_ADMIN the kernel's own stays. */
  constructor(options: {
    readonly libc: Libc;
    readonly protocol?: number;
    readonly bufferBytes?: number;
  }) {
    this.#libc = options.libc;
    const { call } = options.libc;
    const fd = call.socket(AF_NETLINK, SOCK_RAW | O_CLOEXEC, options.protocol ?? NETLINK_ROUTE);
    if (fd < 0) throw systemError("Cannot open a netlink socket", this.#libc.errno());
    this.#descriptor = new OwnedDescriptor(this.#libc, fd, "a netlink socket");
    const on = Int32Array.of(1);
    // Better messages only: without them an errno remains, so a failure here does not matter.
    call.setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, on, 4);
    call.setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, on, 4);
    // Dumps of one device's things alone: where the kernel cannot, all come, and the rest is left out here.
    call.setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, on, 4);
    if (options.bufferBytes !== undefined) {
      const bytes = Int32Array.of(options.bufferBytes);
      call.setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes, 4);
      call.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes, 4);
    }
  }

  /** Sends one change. @param attempt For the error: `Cannot add link "x"`. */
  change(attempt: string, request: NetlinkRequest): void {
    this.#exchange(attempt, { ...request, flags: request.flags | NLM_F_REQUEST | NLM_F_ACK });
  }

  /**
   * Sends changes in one call. The kernel does each in its turn, those after a refused one too.
   *
   * @throws The first refusal.
   */
  changeAll(changes: readonly NetlinkChange[]): void {
    const sent = changes.map(({ attempt, request }, at) => {
      // a refusal is told in any case
      const flags = NLM_F_REQUEST | (at === changes.length - 1 ? NLM_F_ACK : 0);
      return { attempt, ...this.#encode({ ...request, flags: request.flags | flags }) };
    });
    const last = sent.at(-1);
    if (last === undefined) return;
    const bytes = Buffer.concat(sent.map((each) => each.bytes));
    if (this.#libc.call.send(this.#descriptor.number, bytes, bytes.length, 0) < 0) {
      throw systemError(last.attempt, this.#libc.errno());
    }
    let refusal: WharfError | undefined;
    let isAnswered = false;
    while (!isAnswered) {
      const messages: readonly NetlinkMessage[] = this.#receive(last.attempt);
      for (const message of messages) {
        const change = sent.find(({ sequence }) => sequence === message.sequence);
        if (!change || message.type !== NLMSG_ERROR) continue;
        const errno = -message.payload.readInt32LE(0);
        if (errno !== 0) refusal ??= systemError(change.attempt, errno, refusalText(message));
        if (change === last) isAnswered = true;
      }
    }
    if (refusal) throw refusal;
  }

  /** Index of a device by its name, without a look at the rest of it. @returns Undefined when there is none. */
  tryIndexOf(name: string): number | undefined {
    const request = Buffer.alloc(IFREQ_BYTES);
    request.write(name.slice(0, IFREQ_NAME_BYTES - 1));
    // by RCU, where RTM_GETLINK waits for whoever changes any device of the host
    if (this.#libc.call.ioctl(this.#descriptor.number, SIOCGIFINDEX, request) === 0) {
      return request.readInt32LE(IFREQ_NAME_BYTES);
    }
    if (this.#libc.errno() === errnos.ENODEV) return undefined;
    throw systemError(`Cannot find link "${name}"`, this.#libc.errno());
  }

  /** As `change`, but the kernel's work is done on one of Bun's I/O threads. One at a time a socket. */
  async changeAside(attempt: string, request: NetlinkRequest): Promise<void> {
    const flags = request.flags | NLM_F_REQUEST | NLM_F_ACK;
    const { bytes, sequence } = this.#encode({ ...request, flags });
    await writeAside(this.#descriptor.number, bytes);
    this.#answers(attempt, sequence, false);
  }

  /**
   * Sends changes that the kernel does together or not at all, between the marks of a batch that are the first and
   * the last of them.
   *
   * @returns What requests with NLM_F_ECHO came to, as far as there was room for it.
   */
  transact(attempt: string, requests: readonly NetlinkRequest[]): readonly NetlinkMessage[] {
    const encoded = requests.map((request) =>
      this.#encode({ ...request, flags: request.flags | NLM_F_REQUEST }),
    );
    const bytes = Buffer.concat(encoded.map((each) => each.bytes));
    if (this.#libc.call.send(this.#descriptor.number, bytes, bytes.length, 0) < 0) {
      throw systemError(attempt, this.#libc.errno());
    }
    const own = new Set(encoded.map((each) => each.sequence));
    const echoes: NetlinkMessage[] = [];
    // The kernel has told all that it tells when send(2) returns: refusals, and what it was asked to.
    while (this.#hasAnswer()) {
      for (const message of this.#receive(attempt)) {
        if (!own.has(message.sequence)) continue;
        if (message.type !== NLMSG_ERROR) echoes.push(message);
        else throw systemError(attempt, -message.payload.readInt32LE(0), refusalText(message));
      }
    }
    return echoes;
  }

  #hasAnswer(): boolean {
    const { call } = this.#libc;
    const flags = MSG_DONTWAIT | MSG_PEEK;
    for (;;) {
      if (call.recv(this.#descriptor.number, NetlinkSocket.#buffer, 1, flags) >= 0) return true;
      // the queue ran over: told once, and what had room is still there
      if (this.#libc.errno() !== errnos.ENOBUFS) return false;
    }
  }

  /** Asks for one object. @returns Undefined when the kernel says ENODEV. */
  read(attempt: string, request: NetlinkRequest): NetlinkMessage | undefined {
    const flags = request.flags | NLM_F_REQUEST;
    return this.#exchange(attempt, { ...request, flags }, errnos.ENODEV)[0];
  }

  /** Asks for all objects of a table, seen at one moment. */
  dump(attempt: string, request: NetlinkRequest): readonly NetlinkMessage[] {
    for (let left = DUMP_ATTEMPTS; ; left -= 1) {
      const flags = request.flags | NLM_F_REQUEST | NLM_F_DUMP;
      const messages = this.#exchange(attempt, { ...request, flags });
      // Of a table that never comes to rest a slightly torn picture is better than none.
      if (left === 1 || !messages.some((each) => (each.flags & NLM_F_DUMP_INTR) !== 0)) {
        return messages;
      }
    }
  }

  /** As `dump`, but the kernel's search is done on one of Bun's I/O threads. One at a time a socket. */
  async dumpAside(attempt: string, request: NetlinkRequest): Promise<readonly NetlinkMessage[]> {
    const flags = request.flags | NLM_F_REQUEST | NLM_F_DUMP;
    const { bytes, sequence } = this.#encode({ ...request, flags });
    await writeAside(this.#descriptor.number, bytes);
    return this.#answers(attempt, sequence, true);
  }

  [Symbol.dispose](): void {
    this.#descriptor[Symbol.dispose]();
  }

  #exchange(attempt: string, request: NetlinkRequest, absent?: number): NetlinkMessage[] {
    const { bytes, sequence } = this.#encode(request);
    if (this.#libc.call.send(this.#descriptor.number, bytes, bytes.length, 0) < 0) {
      throw systemError(attempt, this.#libc.errno());
    }
    const wantsMany = (request.flags & NLM_F_DUMP) === NLM_F_DUMP;
    return this.#answers(attempt, sequence, wantsMany, absent);
  }

  #encode(request: NetlinkRequest): { readonly bytes: Buffer; readonly sequence: number } {
    this.#sequence += 1;
    return { bytes: encodeRequest(request, this.#sequence), sequence: this.#sequence };
  }

  #answers(
    attempt: string,
    sequence: number,
    wantsMany: boolean,
    absent?: number,
  ): NetlinkMessage[] {
    const answers: NetlinkMessage[] = [];
    for (;;) {
      for (const message of this.#receive(attempt)) {
        if (message.sequence !== sequence) continue; // left over from an exchange that failed midway
        if (message.type === NLMSG_DONE) return answers;
        if (message.type === NLMSG_ERROR) {
          const errno = -message.payload.readInt32LE(0);
          if (errno === 0 || errno === absent) return answers;
          throw systemError(attempt, errno, refusalText(message));
        }
        answers.push(message);
      }
      if (!wantsMany && answers.length > 0) return answers;
    }
  }

  #receive(attempt: string): NetlinkMessage[] {
    const flags = MSG_DONTWAIT | MSG_TRUNC;
    const length = this.#libc.call.recv(
      this.#descriptor.number,
      NetlinkSocket.#buffer,
      RECEIVE_BYTES,
      flags,
    );
    if (length < 0) throw systemError(attempt, this.#libc.errno());
    if (length > RECEIVE_BYTES) {
      throw new InternalError(`${attempt}: netlink sent ${length} bytes at once`);
    }
    // Copied: answers outlive the next read into the buffer.
    return decodeMessages(Buffer.from(NetlinkSocket.#buffer.subarray(0, length)));
  }
}

/** The kernel's own sentence about a refusal (NETLINK_EXT_ACK), where it gives one. */
function refusalText({ flags, payload }: NetlinkMessage): string | undefined {
  if ((flags & NLM_F_ACK_TLVS) === 0) return undefined;
  // The refused request's header follows the errno; all of that request unless capped.
  const requestBytes = (flags & NLM_F_CAPPED) === 0 ? payload.readUInt32LE(4) : 16;
  const text = decodeAttributes(payload, 4 + requestBytes).get(NLMSGERR_ATTR_MSG);
  return text === undefined ? undefined : readText(text);
}
