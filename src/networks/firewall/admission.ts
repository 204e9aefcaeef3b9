/**
 * `--firewall=respect`: what comes from outside to a published port is judged by the host's INPUT chains, with the
 * port and the address that the client sent to, before it is led to a container.
 *
 * Address translation happens before a packet is routed, so a packet for a container never meets INPUT; and once it
 * is there it cannot be translated any more. So the first packet of a connection is let through to INPUT as it is.
 * If all chains there accept it, ours, the last, sends a copy of it out by one end of a veth pair and drops the
 * packet; the copy comes in by the other end as if it came from the client, and is led to the container. All further
 * packets of the connection match what the kernel remembers of it, and are led at once.
 *
 *     eth0 → prerouting: no rule → INPUT of the host → INPUT of ours: dup ─┐
 *     container ← forward ← prerouting: dnat ← wfi ════════ veth ═════ wfo ←┘
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import type { Netlink } from "#host/netlink.ts";
import type { NftElement, NftOp } from "#host/nft.ts";
import { aliasOf } from "#networks/own-devices.ts";
import { acceptForeignSources } from "#networks/sysctl.ts";
import { elementText } from "./nft-text.ts";
import type { PublishedTarget } from "./published-target.ts";

/** The pair of devices that admitted packets go through. */
export interface Admission {
  /** They leave by this one, */
  readonly outDevice: string;
  /** and come in by this one. */
  readonly inDevice: string;
  /** Nobody's address, behind `outDevice`. */
  readonly gateway: string;
  /** Of `inDevice`: loose reverse path filtering lets nothing in where there is no address at all. */
  readonly inAddress: string;
  readonly macAddress: string;
  /** The kernel has IPv6. */
  readonly hasIpv6: boolean;
}

const GATEWAY6 = "fe80::1";
/** After the host's own chains. */
const PRIORITY = 10_000;

export function planAdmission(engineId: string): Admission {
  const digest = createHash("sha256").update(engineId).digest();
  const [a = 0, b = 0, c = 0, d = 0] = digest;
  const key = digest.toString("hex", 0, 4);
  return {
    outDevice: `wfo${key}`,
    inDevice: `wfi${key}`,
    // of the block that nobody may have (RFC 1112, section 4)
    gateway: `240.${b}.${c}.${d | 1}`,
    inAddress: `240.${b}.${c}.${d & 0xfe}`,
    macAddress: `02:${[a, b, c, d, 1].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`,
    hasIpv6: existsSync("/proc/sys/net/ipv6"),
  };
}

/** Makes the pair, or puts it right. */
export function makeAdmissionDevices(
  netlink: Pick<Netlink, "link" | "apply">,
  engineId: string,
  { outDevice, inDevice, gateway, inAddress, macAddress, hasIpv6 }: Admission,
): void {
  if (netlink.link(outDevice)) netlink.apply([{ kind: "delete-link", name: outDevice }]);
  const peer = { name: inDevice, namespacePath: "/proc/thread-self/ns/net", macAddress };
  netlink.apply([{ kind: "add-veth", name: outDevice, alias: aliasOf(engineId), peer }]);
  acceptForeignSources(inDevice);
  netlink.apply([
    { kind: "add-address", name: inDevice, cidr: `${inAddress}/32` },
    { kind: "set-up", name: inDevice },
    { kind: "set-up", name: outDevice },
    { kind: "add-route", destination: `${gateway}/32`, name: outDevice },
    { kind: "add-neighbour", name: outDevice, address: gateway, macAddress },
    ...(hasIpv6
      ? [{ kind: "add-neighbour", name: outDevice, address: GATEWAY6, macAddress } as const]
      : []),
  ]);
}

interface Side {
  readonly family: "ip" | "ip6";
  readonly type: string;
  readonly anyAddress: string;
  readonly gateway: string;
}

function sidesOf({ gateway, hasIpv6 }: Admission): readonly Side[] {
  const ipv4: Side = { family: "ip", type: "ipv4_addr", anyAddress: "0.0.0.0", gateway };
  const ipv6: Side = { family: "ip6", type: "ipv6_addr", anyAddress: "::", gateway: GATEWAY6 };
  return hasIpv6 ? [ipv4, ipv6] : [ipv4];
}

function isOf({ family }: Side, { hostAddress }: PublishedTarget): boolean {
  return hostAddress.includes(":") === (family === "ip6");
}

/** The elements that open ports, by set. */
function openings(
  side: Side,
  ports: readonly PublishedTarget[],
): ReadonlyMap<string, NftElement[]> {
  const bySet = new Map<string, NftElement[]>([
    ["open_any", []],
    ["open_at", []],
  ]);
  for (const port of ports.filter((one) => one.hostPort !== 0 && isOf(side, one))) {
    const { protocol, hostAddress: address, hostPort } = port;
    const isAny = address === side.anyAddress;
    const key = [{ protocol }, { port: hostPort }];
    bySet.get(isAny ? "open_any" : "open_at")?.push({ key: isAny ? key : [{ address }, ...key] });
  }
  return bySet;
}

/** Steps on the tables of admission that open ports, and close them. */
export function planAdmissionChange(
  admission: Admission,
  change: { readonly add: readonly PublishedTarget[]; readonly remove: readonly PublishedTarget[] },
): readonly { readonly family: "ip" | "ip6"; readonly ops: readonly NftOp[] }[] {
  return sidesOf(admission).map((side) => {
    const opsOf = (kind: "add-elements" | "delete-elements", ports: readonly PublishedTarget[]) =>
      [...openings(side, ports)].flatMap(([set, elements]): readonly NftOp[] =>
        elements.length === 0 ? [] : [{ kind, set, elements }],
      );
    return {
      family: side.family,
      ops: [...opsOf("delete-elements", change.remove), ...opsOf("add-elements", change.add)],
    };
  });
}

/** The tables of admission, in place of what is there: `dup` is not to be had in family inet. */
export function renderAdmission(
  table: string,
  admission: Admission,
  ports: readonly PublishedTarget[],
): string {
  const sides = sidesOf(admission);
  const lines = sides.flatMap(({ family, type, gateway }) => [
    `add table ${family} ${table}`,
    `delete table ${family} ${table}`,
    `table ${family} ${table} {`,
    "  set open_at {",
    `    type ${type} . inet_proto . inet_service`,
    "  }",
    "  set open_any {",
    "    type inet_proto . inet_service",
    "  }",
    "  chain admit {",
    `    dup to ${gateway} device "${admission.outDevice}"`,
    "    drop",
    "  }",
    "  chain input {",
    `    type filter hook input priority ${PRIORITY}; policy accept;`,
    '    iifname "lo" return',
    // link-local clients cannot be led anywhere: the port's socket serves them
    ...(family === "ip6"
      ? ["    ip6 saddr fe80::/10 return", "    ip6 daddr fe80::/10 return"]
      : []),
    `    ct state new ${family} daddr . meta l4proto . th dport @open_at goto admit`,
    "    ct state new meta l4proto . th dport @open_any goto admit",
    "  }",
    "}",
  ]);
  const elements = sides.flatMap((side) =>
    [...openings(side, ports)].flatMap(([set, list]) =>
      list.length === 0
        ? []
        : [`add element ${side.family} ${table} ${set} { ${list.map(elementText).join(", ")} }`],
    ),
  );
  return `${[...lines, ...elements].join("\n")}\n`;
}

/** Removes the tables, also where there are none. */
export function renderAdmissionRemoval(table: string): string {
  const families = existsSync("/proc/sys/net/ipv6") ? ["ip", "ip6"] : ["ip"];
  return families
    .map((family) => `add table ${family} ${table}\ndelete table ${family} ${table}\n`)
    .join("");
}
