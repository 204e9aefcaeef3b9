/**
 * What a network's own rules say beyond the usual: who reaches its containers at their own addresses, and under what
 * address they go out. Written as text, as only few networks have such rules.
 */
import type { NftElement } from "#host/nft.ts";
import type { NetworkRules } from "#networks/driver.ts";
import type { PublishedTarget } from "./published-target.ts";

const FAMILIES = [
  { word: "ipv4", ip: "ip", icmp: "icmp", set: "direct" },
  { word: "ipv6", ip: "ip6", icmp: "ipv6-icmp", set: "direct6" },
] as const;

/** Whether a network's rules go beyond what address translation with masquerading, or without, needs. */
export function hasOwnRules(network: NetworkRules, isRoutedDirectly: boolean): boolean {
  const { ipv4, ipv6, internal, trustedDevices } = network;
  if (internal) return false;
  const isOther = [ipv4, ipv6].some(
    ({ mode, sourceAddress }) => mode !== "nat" || sourceAddress !== undefined,
  );
  return isOther || isRoutedDirectly || trustedDevices.length > 0;
}

/** Of chain `in_KEY`: what reaches containers at their own addresses. */
export function directLines(network: NetworkRules, isRoutedDirectly: boolean): readonly string[] {
  const trusted = network.trustedDevices.map((name) => `"${name}"`).join(", ");
  return FAMILIES.flatMap(({ word, ip, icmp, set }) => {
    const published = `${ip} daddr . meta l4proto . th dport @${set} accept`;
    switch (network[word].mode) {
      case "routed":
        return [`    meta l4proto ${icmp} accept`, `    ${published}`];
      case "nat-unprotected":
        return [`    iifname != @bridges meta nfproto ${word} accept`];
      case "nat":
        return [
          ...(isRoutedDirectly ? [`    iifname != @bridges ${published}`] : []),
          ...(trusted === "" ? [] : [`    iifname { ${trusted} } ${published}`]),
        ];
      case "isolated":
        return [];
    }
  });
}

/** Of chain `post_KEY`: the source address of what leaves the network. */
export function leavingLines(network: NetworkRules): readonly string[] {
  const bridge = `"${network.bridgeName}"`;
  return FAMILIES.flatMap(({ word, ip }) => {
    const { masquerade, sourceAddress } = network[word];
    if (!masquerade) return [];
    const rewrite = sourceAddress === undefined ? "masquerade" : `snat ${ip} to ${sourceAddress}`;
    return [`    iifname ${bridge} oifname != ${bridge} meta nfproto ${word} ${rewrite}`];
  });
}

/** The container's own side of published ports, by set; each once, as several ports of the host may lead to it. */
export class DirectPorts {
  readonly #counts = new Map<string, number>();

  constructor(ports: Iterable<PublishedTarget> = []) {
    for (const port of ports) this.add(port);
  }

  /** @returns Whether nobody had it before. */
  add(port: PublishedTarget): boolean {
    const key = keyOf(port);
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    return count === 0;
  }

  /** @returns Whether nobody has it any more. */
  delete(port: PublishedTarget): boolean {
    const key = keyOf(port);
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) this.#counts.set(key, count - 1);
    else this.#counts.delete(key);
    return count === 1;
  }
}

function keyOf({ containerAddress, protocol, containerPort }: PublishedTarget): string {
  return `${containerAddress} ${protocol} ${containerPort}`;
}

/** @returns The set that a port is in, and its element there. */
export function directElementOf(port: PublishedTarget): readonly [set: string, NftElement] {
  const { containerAddress: address, protocol, containerPort } = port;
  const set = address.includes(":") ? "direct6" : "direct";
  return [set, { key: [{ address }, { protocol }, { port: containerPort }] }];
}
