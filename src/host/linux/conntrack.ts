import { Semaphore } from "#base/async.ts";
import { NotFoundError } from "#base/errors.ts";
import type { ConnectionMatch, Conntrack } from "#host/conntrack.ts";
import type { Libc } from "./ffi/libc.ts";
import { formatIpAddress, parseIpAddress } from "./netlink/ip-address.ts";
import {
  type Attribute,
  decodeAttributes,
  type NetlinkMessage,
  type NetlinkRequest,
} from "./netlink/message.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink/socket.ts";

// linux/netfilter/nfnetlink_conntrack.h
const CTNETLINK = 1 << 8;
const CT_GET = CTNETLINK | 1;
const CT_DELETE = CTNETLINK | 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V4_DST = 2;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const FILTER_IP_SRC = 1 << 0;
const FILTER_PROTO_NUM = 1 << 3;
const FILTER_PROTO_DST_PORT = 1 << 5;

const NLA_F_NESTED = 0x8000;
const NFGENMSG_BYTES = 4;
const AF_INET = 2;
const PROTOCOL_NUMBER = { tcp: 6, udp: 17 } as const;

/** One direction of a connection; ports as the kernel writes them, big-endian. */
interface Tuple {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly destinationPort: number;
}

/**
 * ctnetlink. The kernel filters what it lists from 5.8 on; an older one lists all, so each entry is looked
 * at again here.
 */
export class LinuxConntrack implements Conntrack, Disposable {
  readonly #libc: Libc;
  readonly #turn = new Semaphore(1);
  /** Opened at the first use: it loads the kernel's module. */
  #socket: NetlinkSocket | undefined;

  constructor(options: { readonly libc: Libc }) {
    this.#libc = options.libc;
  }

  async forget(match: ConnectionMatch): Promise<number> {
    using _turn = await this.#turn.acquire();
    this.#socket ??= new NetlinkSocket({ libc: this.#libc, protocol: NETLINK_NETFILTER });
    const socket = this.#socket;
    const entries = await socket.dumpAside("Cannot list connections", listRequest(match));
    const found = entries.filter((entry) => matches(match, entry));
    for (const entry of found) forgetOne(socket, entry);
    return found.length;
  }

  [Symbol.dispose](): void {
    this.#socket?.[Symbol.dispose]();
  }
}

function forgetOne(socket: NetlinkSocket, entry: NetlinkMessage): void {
  try {
    socket.change("Cannot forget a connection", deleteRequest(entry));
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error; // ended by itself meanwhile
  }
}

function request(type: number, attributes: readonly Attribute[]): NetlinkRequest {
  return { type, flags: 0, body: Uint8Array.of(AF_INET, 0, 0, 0), attributes };
}

function listRequest(match: ConnectionMatch): NetlinkRequest {
  switch (match.kind) {
    case "answered-by": {
      const address: Attribute = [CTA_IP_V4_SRC, { bytes: parseIpAddress(match.address) }];
      return request(CT_GET, [
        [CTA_TUPLE_REPLY, { nested: [[CTA_TUPLE_IP, { nested: [address] }]] }],
        [CTA_FILTER, { nested: filterFlags(0, FILTER_IP_SRC) }],
      ]);
    }
    case "sent-to": {
      const [port, ...others] = match.ports;
      const protocol: Attribute[] = [[CTA_PROTO_NUM, { u8: PROTOCOL_NUMBER[match.protocol] }]];
      let flags = FILTER_PROTO_NUM;
      if (port !== undefined && others.length === 0) {
        protocol.push([CTA_PROTO_DST_PORT, { bytes: Uint8Array.of(port >> 8, port & 0xff) }]);
        flags |= FILTER_PROTO_DST_PORT;
      }
      return request(CT_GET, [
        [CTA_TUPLE_ORIG, { nested: [[CTA_TUPLE_PROTO, { nested: protocol }]] }],
        [CTA_FILTER, { nested: filterFlags(flags, 0) }],
      ]);
    }
  }
}

function filterFlags(original: number, reply: number): readonly Attribute[] {
  return [
    [CTA_FILTER_ORIG_FLAGS, { u32: original }],
    [CTA_FILTER_REPLY_FLAGS, { u32: reply }],
  ];
}

function deleteRequest(entry: NetlinkMessage): NetlinkRequest {
  const attributes = decodeAttributes(entry.payload, NFGENMSG_BYTES);
  const kept: Attribute[] = [];
  for (const type of [CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE]) {
    const bytes = attributes.get(type);
    if (bytes) kept.push([type === CTA_TUPLE_ORIG ? type | NLA_F_NESTED : type, { bytes }]);
  }
  return request(CT_DELETE, kept);
}

function matches(match: ConnectionMatch, entry: NetlinkMessage): boolean {
  const attributes = decodeAttributes(entry.payload, NFGENMSG_BYTES);
  switch (match.kind) {
    case "answered-by":
      return readTuple(attributes.get(CTA_TUPLE_REPLY))?.source === match.address;
    case "sent-to": {
      const original = readTuple(attributes.get(CTA_TUPLE_ORIG));
      return (
        original?.protocol === PROTOCOL_NUMBER[match.protocol] &&
        match.ports.includes(original.destinationPort) &&
        match.addresses.includes(original.destination)
      );
    }
  }
}

function readTuple(bytes: Buffer | undefined): Tuple | undefined {
  if (!bytes) return undefined;
  const parts = decodeAttributes(bytes, 0);
  const addresses = decodeAttributes(parts.get(CTA_TUPLE_IP) ?? Buffer.alloc(0), 0);
  const protocol = decodeAttributes(parts.get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0), 0);
  const source = addresses.get(CTA_IP_V4_SRC);
  const destination = addresses.get(CTA_IP_V4_DST);
  if (!source || !destination) return undefined;
  return {
    source: formatIpAddress(source),
    destination: formatIpAddress(destination),
    protocol: protocol.get(CTA_PROTO_NUM)?.readUInt8(0) ?? 0,
    destinationPort: protocol.get(CTA_PROTO_DST_PORT)?.readUInt16BE(0) ?? 0,
  };
}
