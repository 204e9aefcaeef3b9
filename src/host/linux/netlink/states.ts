import type { AddressState, LinkState, NeighbourState, RouteState } from "#host/netlink.ts";
import { formatIpAddress } from "./ip-address.ts";
import { decodeAttributes, type NetlinkMessage, readText } from "./message.ts";

const IFINFO_BYTES = 16;
const IFADDR_BYTES = 8;
const RTMSG_BYTES = 12;
const NDMSG_BYTES = 12;
const AF_BRIDGE = 7;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const IFF_UP = 1;
const AF_INET = 2;
const AF_INET6 = 10;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_INFO_KIND = 1;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;
const RTN_UNICAST = 1;
const RTM_F_CLONED = 0x200;
const RTNEXTHOP_BYTES = 8;

const SCOPES: Readonly<Record<number, AddressState["scope"]>> = {
  0: "global",
  200: "site",
  253: "link",
  254: "host",
  255: "nowhere",
};

/** Reads RTM_NEWLINK: struct ifinfomsg, then IFLA_… attributes. */
export function decodeLink({ payload }: NetlinkMessage): LinkState {
  const attributes = decodeAttributes(payload, IFINFO_BYTES);
  const info = attributes.get(IFLA_LINKINFO);
  const kindText = info === undefined ? undefined : decodeAttributes(info, 0).get(IFLA_INFO_KIND);
  const kind = kindText === undefined ? "" : readText(kindText);
  const master = attributes.get(IFLA_MASTER)?.readUInt32LE(0);
  const peer = kind === "veth" ? attributes.get(IFLA_LINK)?.readUInt32LE(0) : undefined;
  const alias = attributes.get(IFLA_IFALIAS);
  return {
    index: payload.readInt32LE(4),
    name: readText(attributes.get(IFLA_IFNAME) ?? Buffer.alloc(0)),
    kind,
    macAddress: formatMac(attributes.get(IFLA_ADDRESS) ?? Buffer.alloc(0)),
    mtuBytes: attributes.get(IFLA_MTU)?.readUInt32LE(0) ?? 0,
    isUp: (payload.readUInt32LE(8) & IFF_UP) !== 0,
    ...(master === undefined ? {} : { masterIndex: master }),
    ...(peer === undefined ? {} : { peerIndex: peer }),
    ...(alias === undefined ? {} : { alias: readText(alias) }),
  };
}

/** Reads RTM_NEWADDR: struct ifaddrmsg, then IFA_… attributes. */
export function decodeAddress({ payload }: NetlinkMessage): AddressState {
  const attributes = decodeAttributes(payload, IFADDR_BYTES);
  // On a point-to-point link IFA_ADDRESS is the other end's; IPv6 has no IFA_LOCAL.
  const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS) ?? Buffer.alloc(4);
  return {
    linkIndex: payload.readUInt32LE(4),
    cidr: `${formatIpAddress(address)}/${payload.readUInt8(1)}`,
    scope: SCOPES[payload.readUInt8(3)] ?? "global",
  };
}

/**
 * Reads RTM_NEWROUTE: struct rtmsg, then RTA_… attributes.
 *
 * @returns Undefined for what is no route to somewhere: local and broadcast entries, cached clones.
 */
export function decodeRoute({ payload }: NetlinkMessage): RouteState | undefined {
  const family = payload.readUInt8(0);
  const isClone = (payload.readUInt32LE(8) & RTM_F_CLONED) !== 0;
  if (payload.readUInt8(7) !== RTN_UNICAST || isClone) return undefined;
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const attributes = decodeAttributes(payload, RTMSG_BYTES);
  const hop = firstHop(attributes);
  const prefixBits = payload.readUInt8(1);
  const destination = attributes.get(RTA_DST);
  return {
    destination:
      destination === undefined ? "default" : `${formatIpAddress(destination)}/${prefixBits}`,
    table: attributes.get(RTA_TABLE)?.readUInt32LE(0) ?? payload.readUInt8(4),
    family: family === AF_INET ? 4 : 6,
    ...(hop.gateway === undefined ? {} : { gateway: formatIpAddress(hop.gateway) }),
    ...(hop.linkIndex === undefined ? {} : { linkIndex: hop.linkIndex }),
  };
}

/** Reads RTM_NEWNEIGH: struct ndmsg, then NDA_… attributes. */
export function decodeNeighbour({ payload }: NetlinkMessage): NeighbourState {
  const attributes = decodeAttributes(payload, NDMSG_BYTES);
  const address = attributes.get(NDA_DST);
  return {
    linkIndex: payload.readInt32LE(4),
    macAddress: formatMac(attributes.get(NDA_LLADDR) ?? Buffer.alloc(0)),
    isForwarding: payload.readUInt8(0) === AF_BRIDGE,
    ...(address === undefined ? {} : { address: formatIpAddress(address) }),
  };
}

/** Where the route goes first; of several equal ways (struct rtnexthop) the first. */
function firstHop(attributes: ReadonlyMap<number, Buffer>): {
  readonly gateway: Buffer | undefined;
  readonly linkIndex: number | undefined;
} {
  const ways = attributes.get(RTA_MULTIPATH);
  if (ways === undefined || ways.length < RTNEXTHOP_BYTES) {
    const linkIndex = attributes.get(RTA_OIF)?.readUInt32LE(0);
    return { gateway: attributes.get(RTA_GATEWAY), linkIndex };
  }
  const way = ways.subarray(0, ways.readUInt16LE(0));
  const gateway = decodeAttributes(way, RTNEXTHOP_BYTES).get(RTA_GATEWAY);
  return { gateway, linkIndex: way.readUInt32LE(4) };
}

function formatMac(bytes: Buffer): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
