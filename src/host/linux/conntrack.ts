import type { ConnectionMatch, Conntrack } from "#host/conntrack.ts";
import type { Libc } from "./ffi/libc.ts";
import { formatIpAddress, parseIpAddress } from "./netlink/ip-address.ts";
import { type Attribute, decodeAttributes, type NetlinkRequest } from "./netlink/message.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink/socket.ts";
