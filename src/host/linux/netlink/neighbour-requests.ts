import { parseIpAddress } from "./ip-address.ts";
import { macBytes } from "./link-requests.ts";
import type { NetlinkRequest } from "./message.ts";

/**
 * Neighbours (who has which address) and entries for forwarding (where a bridge or VXLAN device sends frames)
 * are one table of the kernel's, told apart by family.
 *
 * @see linux/neighbour.h
 */
const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;
const NLM_F_REPLACE_CREATE = 0x500;
const NLM_F_CREATE_APPEND = 0xc00;
const AF_BRIDGE = 7;
const AF_INET = 2;
const AF_INET6 = 10;
const NUD_PERMANENT = 0x80;
const NTF_SELF = 2;
const NDA_DST = 1;
const NDA_LLADDR = 2;

export interface ForwardingEntry {
  readonly linkIndex: number;
  readonly macAddress: string;
  readonly remoteAddress: string;
}

/** struct ndmsg. */
function neighbourBody(options: {
  readonly family: number;
  readonly linkIndex?: number;
  readonly state?: number;
  readonly flags?: number;
}): Uint8Array {
  const body = Buffer.alloc(12);
  body.writeUInt8(options.family, 0);
  body.writeInt32LE(options.linkIndex ?? 0, 4);
  body.writeUInt16LE(options.state ?? 0, 8);
  body.writeUInt8(options.flags ?? 0, 10);
  return body;
}

/** @param family `forwarding` for the entries of bridges and VXLAN devices. */
export function listNeighbours(family: "addresses" | "forwarding"): NetlinkRequest {
  const body = neighbourBody({ family: family === "forwarding" ? AF_BRIDGE : 0 });
  return { type: RTM_GETNEIGH, flags: 0, body, attributes: [] };
}

/** The all-zero MAC address is where frames go that everybody is to have; it may have several hosts. */
function forwardingRequest(
  type: number,
  flags: number,
  { linkIndex, macAddress, remoteAddress }: ForwardingEntry,
): NetlinkRequest {
  return {
    type,
    flags,
    body: neighbourBody({
      family: AF_BRIDGE,
      linkIndex,
      state: NUD_PERMANENT,
      flags: NTF_SELF,
    }),
    attributes: [
      [NDA_LLADDR, { bytes: macBytes(macAddress) }],
      [NDA_DST, { bytes: parseIpAddress(remoteAddress) }],
    ],
  };
}

const ZERO_MAC = "00:00:00:00:00:00";

export function addForwarding(entry: ForwardingEntry): NetlinkRequest {
  const flags = entry.macAddress === ZERO_MAC ? NLM_F_CREATE_APPEND : NLM_F_REPLACE_CREATE;
  return forwardingRequest(RTM_NEWNEIGH, flags, entry);
}

export function deleteForwarding(entry: ForwardingEntry): NetlinkRequest {
  return forwardingRequest(RTM_DELNEIGH, 0, entry);
}

function neighbourRequest(
  type: number,
  flags: number,
  entry: { readonly linkIndex: number; readonly address: string; readonly macAddress?: string },
): NetlinkRequest {
  const address = parseIpAddress(entry.address);
  const family = address.length === 4 ? AF_INET : AF_INET6;
  return {
    type,
    flags,
    body: neighbourBody({ family, linkIndex: entry.linkIndex, state: NUD_PERMANENT }),
    attributes: [
      [NDA_DST, { bytes: address }],
      ...(entry.macAddress === undefined
        ? []
        : [[NDA_LLADDR, { bytes: macBytes(entry.macAddress) }] as const]),
    ],
  };
}

export function addNeighbour(entry: {
  readonly linkIndex: number;
  readonly address: string;
  readonly macAddress: string;
}): NetlinkRequest {
  return neighbourRequest(RTM_NEWNEIGH, NLM_F_REPLACE_CREATE, entry);
}

export function deleteNeighbour(entry: {
  readonly linkIndex: number;
  readonly address: string;
}): NetlinkRequest {
  return neighbourRequest(RTM_DELNEIGH, 0, entry);
}
