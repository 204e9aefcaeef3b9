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
const CTA_IP_V6_SRC = 3;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const FILTER_IP_SRC = 1 << 0;
const FILTER_PROTO_NUM = 1 << 3;
const FILTER_PROTO_DST_PORT = 1 << 5;

const NLA_F_NESTED = 0x8000;
const NFGENMSG_BYTES = 4;
const AF_INET = 2;
const AF_INET6 = 10;
const PROTOCOL_NUMBER = { tcp: 6, udp: 17, sctp: 132 } as const;

type Family = typeof AF_INET | typeof AF_INET6;

/** One direction of a connection; ports as the kernel writes them, big-endian. */
interface Tuple {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly sourcePort: number;
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
    let count = 0;
    for (const family of familiesOf(match)) {
      const request = listRequest(match, family);
      const entries = await socket.dumpAside("Cannot list connections", request);
      const found = entries.filter((entry) => matches(match, entry));
      for (const entry of found) forgetOne(socket, entry, family);
      count += found.length;
    }
    return count;
  }

  [Symbol.dispose](): void {
    this.#socket?.[Symbol.dispose]();
  }
}

function forgetOne(socket: NetlinkSocket, entry: NetlinkMessage, family: Family): void {
  try {
    socket.change("Cannot forget a connection", deleteRequest(entry, family));
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error; // ended by itself meanwhile
  }
}

function addressesOf(match: ConnectionMatch): readonly string[] {
  switch (match.kind) {
    case "answered-by":
      return [match.address];
    case "led-to":
      return match.targets.map(({ containerAddress }) => containerAddress);
    case "sent-to":
      return match.addresses;
  }
}

function familiesOf(match: ConnectionMatch): readonly Family[] {
  const isIpv6 = addressesOf(match).map((address) => address.includes(":"));
  return [
    ...(isIpv6.includes(false) ? ([AF_INET] as const) : []),
    ...(isIpv6.includes(true) ? ([AF_INET6] as const) : []),
  ];
}

function request(family: Family, type: number, attributes: readonly Attribute[]): NetlinkRequest {
  return { type, flags: 0, body: Uint8Array.of(family, 0, 0, 0), attributes };
}

/** All of a family, less what the kernel can leave out by itself. */
function listRequest(match: ConnectionMatch, family: Family): NetlinkRequest {
  switch (match.kind) {
    case "answered-by":
    case "led-to": {
      const addresses = new Set(addressesOf(match).filter((text) => !text.includes(":")));
      const [address] = addresses;
      // asked for one IPv6 address kernels give all the others (ctnetlink_filter_match_tuple, 6.18)
      if (family === AF_INET6 || address === undefined || addresses.size > 1) {
        return request(family, CT_GET, []);
      }
      const source: Attribute = [CTA_IP_V4_SRC, { bytes: parseIpAddress(address) }];
      return request(family, CT_GET, [
        [CTA_TUPLE_REPLY, { nested: [[CTA_TUPLE_IP, { nested: [source] }]] }],
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
      return request(family, CT_GET, [
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

function deleteRequest(entry: NetlinkMessage, family: Family): NetlinkRequest {
  const attributes = decodeAttributes(entry.payload, NFGENMSG_BYTES);
  const kept: Attribute[] = [];
  for (const type of [CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE]) {
    const bytes = attributes.get(type);
    if (bytes) kept.push([type === CTA_TUPLE_ORIG ? type | NLA_F_NESTED : type, { bytes }]);
  }
  return request(family, CT_DELETE, kept);
}

function matches(match: ConnectionMatch, entry: NetlinkMessage): boolean {
  const attributes = decodeAttributes(entry.payload, NFGENMSG_BYTES);
  switch (match.kind) {
    case "answered-by":
      return readTuple(attributes.get(CTA_TUPLE_REPLY))?.source === match.address;
    case "led-to": {
      const original = readTuple(attributes.get(CTA_TUPLE_ORIG));
      const reply = readTuple(attributes.get(CTA_TUPLE_REPLY));
      return match.targets.some(
        (target) =>
          original?.protocol === PROTOCOL_NUMBER[target.protocol] &&
          original.destinationPort === target.hostPort &&
          reply?.source === target.containerAddress &&
          reply.sourcePort === target.containerPort,
      );
    }
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
  const source = addresses.get(CTA_IP_V4_SRC) ?? addresses.get(CTA_IP_V6_SRC);
  const destination = addresses.get(CTA_IP_V4_DST) ?? addresses.get(CTA_IP_V6_DST);
  if (!source || !destination) return undefined;
  return {
    source: formatIpAddress(source),
    destination: formatIpAddress(destination),
    protocol: protocol.get(CTA_PROTO_NUM)?.readUInt8(0) ?? 0,
    sourcePort: protocol.get(CTA_PROTO_SRC_PORT)?.readUInt16BE(0) ?? 0,
    destinationPort: protocol.get(CTA_PROTO_DST_PORT)?.readUInt16BE(0) ?? 0,
  };
}
