/**
 * The engine's rules: the whole table as text for nft(8), changes of it as steps for the kernel.
 *
 * One table of family inet, named after the engine, holds everything, so that removing the table removes
 * every trace. What grows with the number of networks or ports is a map: a packet costs a look-up, not a
 * walk. Per network there are two short chains:
 *
 *   prerouting, output → published    host address and port → container's address and port
 *   forward → in_KEY                  what new connections may reach the network's containers
 *           → out_KEY                 what may leave them (internal networks only)
 *   postrouting → post_KEY            source rewriting for what leaves the subnet
 *
 * Who may reach a container: its own network (unless inter-container traffic is off; between ports of one
 * bridge that is the bridge's port isolation, as such frames pass no inet hook), replies, and what came
 * through a published port. All else is dropped, packets routed straight to a container's address from
 * another machine included, unless the network's gateway mode or the daemon says otherwise: the sets `direct` hold
 * the published ports by the containers' own addresses.
 *
 * 127.0.0.1: the output hook rewrites what the host sends to a published port there; `route_localnet` on
 * the bridge lets the reply back in, the `guard` chain drops packets for 127/8 that a container sends, and those
 * that pretend to come from there; `published` never rewrites such packets from outside (they arrive in
 * prerouting, so they are foreign).
 *
 * [::1]: IPv6 cannot be led from there to another device, and link-local addresses cannot be forwarded, so these are
 * left to the port's socket, from which the daemon relays.
 *
 * Each rule asks for the engine's own bridge: the table of an engine that was killed stays, and must not touch
 * the traffic of one that has taken its subnet since. (`iifname` in postrouting needs Linux 5.7.)
 *
 * What is established is accepted first of all: each packet passes here (with br_netfilter those between neighbours, and of
 * other engines, too), and this is all that it costs. A connection that a later rule forbids never gets so far.
 *
 * Hairpin: a container that reaches itself or a neighbour through a published port is seen under the
 * gateway's address, or the neighbour would answer it directly and the answer match nothing.
 */
import type { NftChain, NftElement, NftOp } from "#host/nft.ts";
import type { NetworkRules } from "#networks/driver.ts";
import {
  directElementOf,
  directLines,
  DirectPorts,
  hasOwnRules,
  leavingLines,
} from "./direct-rules.ts";
import { chainLines, elementText } from "./nft-text.ts";
import type { PublishedTarget } from "./published-target.ts";

type ElementsByMap = ReadonlyMap<string, readonly NftElement[]>;

export interface Ruleset {
  readonly table: string;
  readonly engineId: string;
  readonly networks: readonly NetworkRules[];
  readonly ports: readonly PublishedTarget[];
  /** Where the engine is at home, for those who find its rules when it is gone. */
  readonly dataRoot?: string;
  /** @see NetworksConfig.isRoutedDirectly */
  readonly isRoutedDirectly?: boolean;
  /** What comes from outside is led to containers only when it comes in by this device. */
  readonly admittedBy?: string;
}

/** Chain that nothing leads to: its rule's comment is the engine's id and data root. */
export const HOME_CHAIN = "home";
/** What fits into a comment, as nft(8) takes it. */
const PLAIN_PATH = /^\/[\w./+@-]{0,84}$/;

const ANY_ADDRESSES: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** Name of an engine's table: the first eight letters and digits of its id. */
export function tableNameOf(engineId: string): string {
  const short = engineId.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  return `wharf_${short.slice(0, 8)}`;
}

function elementOf(port: PublishedTarget): readonly [map: string, element: NftElement] {
  const isAny = ANY_ADDRESSES.has(port.hostAddress);
  const key = [{ protocol: port.protocol }, { port: port.hostPort }];
  const family = port.hostAddress.includes(":") ? "6" : "";
  return [
    isAny ? `published${family}_any` : `published${family}_at`,
    {
      key: isAny ? key : [{ address: port.hostAddress }, ...key],
      value: [{ address: port.containerAddress }, { port: port.containerPort }],
    },
  ];
}

/** @param direct Those of them whose own side nobody else has. */
function portElements(
  ports: readonly PublishedTarget[],
  direct: readonly PublishedTarget[],
): ElementsByMap {
  const byMap = new Map<string, NftElement[]>();
  const add = ([map, element]: readonly [string, NftElement]): void => {
    const elements = byMap.get(map);
    if (elements) elements.push(element);
    else byMap.set(map, [element]);
  };
  for (const port of ports) if (port.hostPort !== 0) add(elementOf(port));
  for (const port of direct) add(directElementOf(port));
  return byMap;
}

function elementOps(
  kind: "add-elements" | "delete-elements",
  byMap: ElementsByMap,
): readonly NftOp[] {
  return [...byMap].flatMap(([set, elements]) =>
    elements.length === 0 ? [] : [{ kind, set, elements }],
  );
}

/** Deletes go first: a port may move from one container to another in one transaction. */
export function planPortChange(change: {
  readonly add: readonly PublishedTarget[];
  readonly remove: readonly PublishedTarget[];
  /** Of `add`: those whose own side nobody had before; of `remove`: those whose own nobody has any more. */
  readonly opened: readonly PublishedTarget[];
  readonly closed: readonly PublishedTarget[];
}): readonly NftOp[] {
  return [
    ...elementOps("delete-elements", portElements(change.remove, change.closed)),
    ...elementOps("add-elements", portElements(change.add, change.opened)),
  ];
}

function networkChains({
  key,
  bridgeName: name,
  interContainer,
  internal,
  ipv4,
  ipv6,
}: NetworkRules): readonly NftChain[] {
  const isMasqueraded = !internal && ipv4.masquerade && ipv6.masquerade;
  const isIn = { kind: "device", way: "in", name } as const;
  const isOut = { kind: "device", way: "out", name } as const;
  const isElsewhere = { ...isOut, isNot: true } as const;
  const entering: NftChain = {
    name: `in_${key}`,
    rules: [
      ...(internal ? [] : [[{ kind: "led" }, { kind: "accept" }] as const]),
      ...(interContainer ? [[isIn, { kind: "accept" }] as const] : []),
      [{ kind: "drop" }],
    ],
  };
  const rewriting: NftChain = {
    name: `post_${key}`,
    rules: [
      [isOut, { kind: "led" }, { kind: "masquerade" }],
      ...(isMasqueraded ? [[isIn, isElsewhere, { kind: "masquerade" }] as const] : []),
    ],
  };
  const leaving: NftChain = { name: `out_${key}`, rules: [[isElsewhere, { kind: "drop" }]] };
  return internal ? [entering, rewriting, leaving] : [entering, rewriting];
}

/** All chains of a network, as text. */
function networkLines(network: NetworkRules, isRoutedDirectly: boolean): readonly string[] {
  if (!hasOwnRules(network, isRoutedDirectly)) return networkChains(network).flatMap(chainLines);
  const bridge = `"${network.bridgeName}"`;
  return [
    `  chain in_${network.key} {`,
    "    ct status dnat accept",
    ...directLines(network, isRoutedDirectly),
    ...(network.interContainer ? [`    iifname ${bridge} accept`] : []),
    "    drop",
    "  }",
    `  chain post_${network.key} {`,
    `    oifname ${bridge} ct status dnat masquerade`,
    ...leavingLines(network),
    "  }",
  ];
}

function mapLines(
  name: string,
  type: string,
  flags: string,
  elements: readonly string[],
): string[] {
  return [
    `  map ${name} {`,
    `    type ${type}`,
    ...(flags ? [`    flags ${flags}`] : []),
    ...(elements.length > 0 ? [`    elements = { ${elements.join(", ")} }`] : []),
    "  }",
  ];
}

function setLines(name: string, type: string, elements: readonly string[] = []): string[] {
  return [
    `  set ${name} {`,
    `    type ${type}`,
    ...(elements.length > 0 ? [`    elements = { ${elements.join(", ")} }`] : []),
    "  }",
  ];
}

function sourceElements({ subnets, key }: NetworkRules, family: 4 | 6): readonly NftElement[] {
  return subnets
    .filter((subnet) => subnet.includes(":") === (family === 6))
    .map((subnet) => ({ key: [{ subnet }], value: { jump: `post_${key}` } }));
}

/** The elements that lead to a network's chains, by map; of the set `bridges` too. */
function networkElements(network: NetworkRules): ElementsByMap {
  const { bridgeName: device, key, internal } = network;
  return new Map([
    ["into", [{ key: [{ device }], value: { jump: `in_${key}` } }]],
    ["out_of", internal ? [{ key: [{ device }], value: { jump: `out_${key}` } }] : []],
    ["sources", sourceElements(network, 4)],
    ["sources6", sourceElements(network, 6)],
    ["bridges", [{ key: [{ device }] }]],
  ]);
}

/**
 * Networks that come or go, in one transaction: the others' rules are not touched.
 *
 * @param change.add None with rules of its own (`hasOwnRules`): such a one is put in force by the table as a whole.
 */
export function planNetworkChange(change: {
  readonly add: readonly NetworkRules[];
  readonly remove: readonly NetworkRules[];
}): readonly NftOp[] {
  return [
    ...change.remove.flatMap((network) => [
      ...elementOps("delete-elements", networkElements(network)),
      ...networkChains(network).map(({ name }): NftOp => ({ kind: "delete-chain", name })),
    ]),
    ...change.add.flatMap((network) => [
      ...networkChains(network).map((chain): NftOp => ({ kind: "add-chain", chain })),
      ...elementOps("add-elements", networkElements(network)),
    ]),
  ];
}

/**
 * The whole table. It replaces what is there in one transaction, so connections go on and no packet
 * meets a table half built.
 */
export function renderRuleset(ruleset: Ruleset): string {
  const { table, engineId, networks, ports, admittedBy } = ruleset;
  const elements = networks.map(networkElements);
  const of = (map: string): string[] =>
    elements.flatMap((byMap) => (byMap.get(map) ?? []).map(elementText));
  const names = of("bridges");
  const direct = new DirectPorts();
  const isFirst = (port: PublishedTarget): boolean => direct.add(port);
  const lines = [
    // Adding first makes the delete succeed where there is no table yet.
    `add table inet ${table}`,
    `delete table inet ${table}`,
    `table inet ${table} {`,
    `  comment "wharf engine ${engineId}"`,
    ...mapLines(
      "published_at",
      "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service",
      "",
      [],
    ),
    ...mapLines("published_any", "inet_proto . inet_service : ipv4_addr . inet_service", "", []),
    ...mapLines(
      "published6_at",
      "ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service",
      "",
      [],
    ),
    ...mapLines("published6_any", "inet_proto . inet_service : ipv6_addr . inet_service", "", []),
    ...mapLines("into", "ifname : verdict", "", of("into")),
    ...mapLines("out_of", "ifname : verdict", "", of("out_of")),
    ...mapLines("sources", "ipv4_addr : verdict", "interval", of("sources")),
    ...mapLines("sources6", "ipv6_addr : verdict", "interval", of("sources6")),
    ...setLines("bridges", "ifname", names),
    ...setLines("direct", "ipv4_addr . inet_proto . inet_service"),
    ...setLines("direct6", "ipv6_addr . inet_proto . inet_service"),
    ...homeLines(ruleset),
    ...networks.flatMap((network) => networkLines(network, ruleset.isRoutedDirectly ?? false)),
    "  chain published {",
    "    meta nfproto ipv6 goto published6",
    "    dnat ip to ip daddr . meta l4proto . th dport map @published_at",
    "    dnat ip to meta l4proto . th dport map @published_any",
    "  }",
    "  chain published6 {",
    "    ip6 daddr { ::1, fe80::/10 } return",
    "    ip6 saddr fe80::/10 return",
    "    dnat ip6 to ip6 daddr . meta l4proto . th dport map @published6_at",
    "    dnat ip6 to meta l4proto . th dport map @published6_any",
    "  }",
    "  chain guard {",
    "    type filter hook prerouting priority raw; policy accept;",
    "    ip daddr 127.0.0.0/8 iifname @bridges drop",
    "    ip saddr 127.0.0.0/8 iifname @bridges drop",
    "  }",
    "  chain prerouting {",
    "    type nat hook prerouting priority dstnat; policy accept;",
    "    ip daddr 127.0.0.0/8 return",
    ...(admittedBy === undefined
      ? []
      : [`    iifname != "${admittedBy}" iifname != @bridges return`]),
    "    fib daddr type local goto published",
    "  }",
    "  chain output {",
    "    type nat hook output priority -100; policy accept;",
    "    fib daddr type local goto published",
    "  }",
    "  chain forward {",
    "    type filter hook forward priority filter; policy accept;",
    "    ct state established,related accept",
    "    iifname vmap @out_of",
    "    oifname vmap @into",
    "  }",
    "  chain postrouting {",
    "    type nat hook postrouting priority srcnat; policy accept;",
    "    ip saddr 127.0.0.0/8 oifname @bridges masquerade",
    "    ip saddr vmap @sources",
    "    ip6 saddr vmap @sources6",
    "  }",
    "}",
    ...[...portElements(ports, ports.filter(isFirst))].map(
      ([map, list]) => `add element inet ${table} ${map} { ${list.map(elementText).join(", ")} }`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

/** None where the path is not to be had in a comment: nobody takes such an engine for gone. */
function homeLines({ engineId, dataRoot = "" }: Ruleset): readonly string[] {
  if (!PLAIN_PATH.test(dataRoot)) return [];
  return [`  chain ${HOME_CHAIN} {`, `    return comment "${engineId} ${dataRoot}"`, "  }"];
}

/** Removes the table, also where there is none. */
export function renderRemoval(table: string): string {
  return `add table inet ${table}\ndelete table inet ${table}\n`;
}
