import type { IpvlanIsolation, IpvlanMode, MacvlanMode } from "#host/netlink.ts";
import { parseIpAddress } from "./ip-address.ts";
import { interfaceBody, macAttribute, nameAttribute } from "./link-requests.ts";
import type { Attribute, NetlinkRequest } from "./message.ts";

/**
 * Devices on top of others, and those that stand for something that is not there.
 *
 * @see linux/if_link.h
 */
const RTM_NEWLINK = 16;
const NLM_F_EXCL_CREATE = 0x600;

const IFLA_ADDRESS = 1;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_MACVLAN_MODE = 1;
const IFLA_IPVLAN_MODE = 1;
const IFLA_IPVLAN_FLAGS = 2;
const IFLA_VLAN_ID = 1;
const IFLA_VXLAN_ID = 1;
const IFLA_VXLAN_LOCAL = 4;
const IFLA_VXLAN_LEARNING = 7;
const IFLA_VXLAN_PROXY = 11;
const IFLA_VXLAN_PORT = 15;
const IFLA_VXLAN_LOCAL6 = 17;

const MACVLAN_MODES: Readonly<Record<MacvlanMode, number>> = {
  private: 1,
  vepa: 2,
  bridge: 4,
  passthru: 8,
};
const IPVLAN_MODES: Readonly<Record<IpvlanMode, number>> = { l2: 0, l3: 1, l3s: 2 };
const IPVLAN_FLAGS: Readonly<Record<IpvlanIsolation, number>> = { bridge: 0, private: 1, vepa: 2 };

function newLink(
  name: string,
  kind: string,
  data: readonly Attribute[],
  rest: readonly Attribute[],
): NetlinkRequest {
  const info: Attribute[] = [[IFLA_INFO_KIND, { text: kind }]];
  if (data.length > 0) info.push([IFLA_INFO_DATA, { nested: data }]);
  const attributes: Attribute[] = [nameAttribute(name), [IFLA_LINKINFO, { nested: info }], ...rest];
  return { type: RTM_NEWLINK, flags: NLM_F_EXCL_CREATE, body: interfaceBody(), attributes };
}

function mtuOf(mtuBytes: number | undefined): readonly Attribute[] {
  return mtuBytes === undefined ? [] : [[IFLA_MTU, { u32: mtuBytes }]];
}

/** Asks for a device without a name that nothing can come of: its address is one byte long. */
export function probeKind(kind: string): NetlinkRequest {
  const info: Attribute = [IFLA_LINKINFO, { nested: [[IFLA_INFO_KIND, { text: kind }]] }];
  const attributes: Attribute[] = [info, [IFLA_ADDRESS, { bytes: Uint8Array.of(0) }]];
  return { type: RTM_NEWLINK, flags: NLM_F_EXCL_CREATE, body: interfaceBody(), attributes };
}

export function addMacvlan(link: {
  readonly name: string;
  readonly mode: MacvlanMode;
  readonly parentIndex: number;
  readonly namespaceFd: number;
  readonly macAddress?: string;
  readonly mtuBytes?: number;
}): NetlinkRequest {
  const { name, mode, parentIndex, namespaceFd, macAddress } = link;
  return newLink(
    name,
    "macvlan",
    [[IFLA_MACVLAN_MODE, { u32: MACVLAN_MODES[mode] }]],
    [
      [IFLA_LINK, { u32: parentIndex }],
      [IFLA_NET_NS_FD, { u32: namespaceFd }],
      ...mtuOf(link.mtuBytes),
      ...(macAddress === undefined ? [] : [macAttribute(macAddress)]),
    ],
  );
}

export function addIpvlan(link: {
  readonly name: string;
  readonly mode: IpvlanMode;
  readonly isolation: IpvlanIsolation;
  readonly parentIndex: number;
  readonly namespaceFd: number;
  readonly mtuBytes?: number;
}): NetlinkRequest {
  const { name, mode, isolation, parentIndex, namespaceFd } = link;
  return newLink(
    name,
    "ipvlan",
    [
      [IFLA_IPVLAN_MODE, { u16: IPVLAN_MODES[mode] }],
      [IFLA_IPVLAN_FLAGS, { u16: IPVLAN_FLAGS[isolation] }],
    ],
    [
      [IFLA_LINK, { u32: parentIndex }],
      [IFLA_NET_NS_FD, { u32: namespaceFd }],
      ...mtuOf(link.mtuBytes),
    ],
  );
}

export function addVlan(link: {
  readonly name: string;
  readonly vlanId: number;
  readonly parentIndex: number;
}): NetlinkRequest {
  return newLink(
    link.name,
    "vlan",
    [[IFLA_VLAN_ID, { u16: link.vlanId }]],
    [[IFLA_LINK, { u32: link.parentIndex }]],
  );
}

export function addPlaceholder(link: {
  readonly name: string;
  readonly type: "dummy" | "ifb";
}): NetlinkRequest {
  return newLink(link.name, link.type, [], []);
}

/** Where frames go is told by entries for forwarding, and whose address is whose by neighbours: it never asks. */
export function addVxlan(link: {
  readonly name: string;
  readonly vni: number;
  readonly port: number;
  readonly localAddress?: string;
  readonly mtuBytes?: number;
}): NetlinkRequest {
  const bigEndianPort = ((link.port & 0xff) << 8) | (link.port >> 8);
  const local = link.localAddress === undefined ? undefined : parseIpAddress(link.localAddress);
  return newLink(
    link.name,
    "vxlan",
    [
      [IFLA_VXLAN_ID, { u32: link.vni }],
      [IFLA_VXLAN_PORT, { u16: bigEndianPort }],
      [IFLA_VXLAN_LEARNING, { u8: 0 }],
      [IFLA_VXLAN_PROXY, { u8: 1 }],
      ...(local === undefined
        ? []
        : [[local.length === 4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, { bytes: local }] as const]),
    ],
    mtuOf(link.mtuBytes),
  );
}
