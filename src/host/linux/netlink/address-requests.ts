import { InvalidArgumentError } from "#base/errors.ts";
import { broadcastOf, parseCidr, parseIpAddress } from "./ip-address.ts";
import type { Attribute, NetlinkRequest } from "./message.ts";

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const NLM_F_EXCL_CREATE = 0x600;
const NLM_F_REPLACE_CREATE = 0x500;
const AF_INET = 2;
const AF_INET6 = 10;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 2;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;

/** @param linkIndex Of one device alone; kernels before 4.20 list all the same. */
export function listAddresses(linkIndex = 0): NetlinkRequest {
  const body = new Uint8Array(8);
  new DataView(body.buffer).setUint32(4, linkIndex, true);
  return { type: RTM_GETADDR, flags: 0, body, attributes: [] };
}

export function listRoutes(): NetlinkRequest {
  return { type: RTM_GETROUTE, flags: 0, body: new Uint8Array(12), attributes: [] };
}

export function addAddress(linkIndex: number, cidr: string): NetlinkRequest {
  const parsed = parseCidr(cidr);
  const request = addressRequest(RTM_NEWADDR, linkIndex, cidr);
  const attributes = [...request.attributes];
  if (parsed.address.length === 16) {
    // Addresses are given out once, so the second's wait for duplicate detection finds nothing.
    attributes.push([IFA_FLAGS, { u32: IFA_F_NODAD }]);
  } else if (parsed.prefixBits < 31) {
    attributes.push([IFA_BROADCAST, { bytes: broadcastOf(parsed) }]);
  }
  return { ...request, flags: NLM_F_EXCL_CREATE, attributes };
}

export function deleteAddress(linkIndex: number, cidr: string): NetlinkRequest {
  return addressRequest(RTM_DELADDR, linkIndex, cidr);
}

export function addRoute(route: {
  readonly destination: string;
  readonly gateway?: string;
  readonly linkIndex?: number;
  readonly isReplacing?: boolean;
}): NetlinkRequest {
  const gateway = route.gateway === undefined ? undefined : parseIpAddress(route.gateway);
  const to = route.destination === "default" ? undefined : parseCidr(route.destination);
  const isIpv6 = (gateway ?? to?.address)?.length === 16;
  if (gateway !== undefined && to !== undefined && gateway.length !== to.address.length) {
    throw new InvalidArgumentError(
      `Cannot route "${route.destination}" by "${route.gateway}": one is IPv4, the other IPv6`,
    );
  }
  const scope = gateway === undefined && !isIpv6 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  const family = isIpv6 ? AF_INET6 : AF_INET;
  const bits = to?.prefixBits ?? 0;
  const attributes: Attribute[] = [];
  if (to !== undefined && bits > 0) attributes.push([RTA_DST, { bytes: to.address }]);
  if (gateway !== undefined) attributes.push([RTA_GATEWAY, { bytes: gateway }]);
  if (route.linkIndex !== undefined) attributes.push([RTA_OIF, { u32: route.linkIndex }]);
  return {
    type: RTM_NEWROUTE,
    flags: route.isReplacing ? NLM_F_REPLACE_CREATE : NLM_F_EXCL_CREATE,
    // struct rtmsg: the last four bytes are flags
    body: Uint8Array.of(
      family,
      bits,
      0,
      0,
      RT_TABLE_MAIN,
      RTPROT_BOOT,
      scope,
      RTN_UNICAST,
      0,
      0,
      0,
      0,
    ),
    attributes,
  };
}

function addressRequest(type: number, linkIndex: number, cidr: string): NetlinkRequest {
  const { address, prefixBits } = parseCidr(cidr);
  const body = Buffer.alloc(8); // struct ifaddrmsg
  body.writeUInt8(address.length === 4 ? AF_INET : AF_INET6, 0);
  body.writeUInt8(prefixBits, 1);
  body.writeUInt32LE(linkIndex, 4);
  const attributes: Attribute[] = [
    [IFA_LOCAL, { bytes: address }],
    [IFA_ADDRESS, { bytes: address }],
  ];
  return { type, flags: 0, body, attributes };
}
