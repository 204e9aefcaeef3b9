import { InvalidArgumentError } from "#base/errors.ts";
import type { Attribute, NetlinkRequest } from "./message.ts";

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const NLM_F_EXCL_CREATE = 0x600;
const IFF_UP = 1;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_NUM_TX_QUEUES = 31;
const IFLA_NUM_RX_QUEUES = 32;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_MODE = 4;
const VETH_INFO_PEER = 1;
const RTEXT_FILTER_SKIP_STATS = 8;
/** IFNAMSIZ without the closing zero. */
const LONGEST_NAME_BYTES = 15;

/** struct ifinfomsg. */
export function interfaceBody(options: { index?: number; up?: boolean } = {}): Uint8Array {
  const body = Buffer.alloc(16);
  body.writeInt32LE(options.index ?? 0, 4);
  if (options.up !== undefined) {
    body.writeUInt32LE(options.up ? IFF_UP : 0, 8);
    body.writeUInt32LE(IFF_UP, 12); // the flags that this request changes
  }
  return body;
}

export function listLinks(): NetlinkRequest {
  const attributes: Attribute[] = [[IFLA_EXT_MASK, { u32: RTEXT_FILTER_SKIP_STATS }]];
  return { type: RTM_GETLINK, flags: 0, body: interfaceBody(), attributes };
}

export function getLink(name: string): NetlinkRequest {
  const { attributes, ...request } = listLinks();
  return { ...request, attributes: [...attributes, nameAttribute(name)] };
}

export function addBridge(bridge: {
  readonly name: string;
  readonly macAddress?: string;
  readonly mtuBytes?: number;
}): NetlinkRequest {
  const attributes: Attribute[] = [
    nameAttribute(bridge.name),
    [IFLA_LINKINFO, { nested: [[IFLA_INFO_KIND, { text: "bridge" }]] }],
  ];
  if (bridge.macAddress !== undefined) attributes.push(macAttribute(bridge.macAddress));
  if (bridge.mtuBytes !== undefined) attributes.push([IFLA_MTU, { u32: bridge.mtuBytes }]);
  return { type: RTM_NEWLINK, flags: NLM_F_EXCL_CREATE, body: interfaceBody(), attributes };
}

/** The kernel would make a queue a CPU, and take all but one of them away again after a grace period of RCU. */
const ONE_QUEUE: readonly Attribute[] = [
  [IFLA_NUM_TX_QUEUES, { u32: 1 }],
  [IFLA_NUM_RX_QUEUES, { u32: 1 }],
];

/** The host's end is set up and joins the bridge in the same request; so nothing half-made is left. */
export function addVeth(veth: {
  readonly name: string;
  readonly mtuBytes?: number;
  readonly masterIndex?: number;
  readonly peer: {
    readonly name: string;
    readonly namespaceFd: number;
    readonly macAddress?: string;
  };
}): NetlinkRequest {
  const mtu: Attribute[] = veth.mtuBytes === undefined ? [] : [[IFLA_MTU, { u32: veth.mtuBytes }]];
  const peer: Attribute[] = [
    nameAttribute(veth.peer.name),
    [IFLA_NET_NS_FD, { u32: veth.peer.namespaceFd }],
    ...ONE_QUEUE,
    ...mtu,
  ];
  if (veth.peer.macAddress !== undefined) peer.push(macAttribute(veth.peer.macAddress));
  const data: Attribute = [VETH_INFO_PEER, { body: interfaceBody(), attributes: peer }];
  const info: Attribute[] = [
    [IFLA_INFO_KIND, { text: "veth" }],
    [IFLA_INFO_DATA, { nested: [data] }],
  ];
  const attributes: Attribute[] = [
    nameAttribute(veth.name),
    [IFLA_LINKINFO, { nested: info }],
    ...ONE_QUEUE,
    ...mtu,
  ];
  if (veth.masterIndex !== undefined) attributes.push([IFLA_MASTER, { u32: veth.masterIndex }]);
  const body = interfaceBody({ up: true });
  return { type: RTM_NEWLINK, flags: NLM_F_EXCL_CREATE, body, attributes };
}

export function deleteLink(name: string): NetlinkRequest {
  const attributes = [nameAttribute(name)];
  return { type: RTM_DELLINK, flags: 0, body: interfaceBody(), attributes };
}

export function setUp(name: string, up: boolean): NetlinkRequest {
  return setLink(name, [], interfaceBody({ up }));
}

/** @param masterIndex 0 takes it out of its bridge. */
export function setMaster(name: string, masterIndex: number): NetlinkRequest {
  return setLink(name, [[IFLA_MASTER, { u32: masterIndex }]]);
}

export function setAlias(name: string, alias: string): NetlinkRequest {
  return setLink(name, [[IFLA_IFALIAS, { text: alias }]]);
}

export function setMtu(name: string, mtuBytes: number): NetlinkRequest {
  return setLink(name, [[IFLA_MTU, { u32: mtuBytes }]]);
}

export function setMac(name: string, macAddress: string): NetlinkRequest {
  return setLink(name, [macAttribute(macAddress)]);
}

/** By index: the name attribute of this request is the new name. */
export function rename(index: number, to: string): NetlinkRequest {
  const attributes = [nameAttribute(to)];
  return { type: RTM_SETLINK, flags: 0, body: interfaceBody({ index }), attributes };
}

/** By index, as `rename`; the name is the one in the other namespace. */
export function move(
  index: number,
  place: { readonly to: string; readonly namespaceFd: number },
): NetlinkRequest {
  const attributes = [
    nameAttribute(place.to),
    [IFLA_NET_NS_FD, { u32: place.namespaceFd }] as const,
  ];
  return { type: RTM_SETLINK, flags: 0, body: interfaceBody({ index }), attributes };
}

/** Whether a bridge port sends frames back out where they came in. */
export function setHairpin(name: string, enabled: boolean): NetlinkRequest {
  const port: Attribute[] = [[IFLA_BRPORT_MODE, { u8: enabled ? 1 : 0 }]];
  const info: Attribute[] = [
    [IFLA_INFO_SLAVE_KIND, { text: "bridge" }],
    [IFLA_INFO_SLAVE_DATA, { nested: port }],
  ];
  // RTM_SETLINK ignores a port's settings; RTM_NEWLINK without "create" changes them.
  return { ...setLink(name, [[IFLA_LINKINFO, { nested: info }]]), type: RTM_NEWLINK };
}

function setLink(
  name: string,
  changes: readonly Attribute[],
  body: Uint8Array = interfaceBody(),
): NetlinkRequest {
  const attributes = [nameAttribute(name), ...changes];
  return { type: RTM_SETLINK, flags: 0, body, attributes };
}

export function nameAttribute(name: string): Attribute {
  const lengthBytes = Buffer.byteLength(name);
  if (lengthBytes === 0 || lengthBytes > LONGEST_NAME_BYTES || /[\s/:]/.test(name)) {
    throw new InvalidArgumentError(
      `Cannot name a network device "${name}": want 1 to ${LONGEST_NAME_BYTES} bytes without blank, "/" or ":"`,
    );
  }
  return [IFLA_IFNAME, { text: name }];
}

export function macAttribute(macAddress: string): Attribute {
  return [IFLA_ADDRESS, { bytes: macBytes(macAddress) }];
}

export function macBytes(macAddress: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(macAddress)) {
    throw new InvalidArgumentError(`Cannot parse MAC address "${macAddress}"`);
  }
  return Buffer.from(macAddress.replaceAll(":", ""), "hex");
}
