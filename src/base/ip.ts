import { InvalidArgumentError } from "./errors.ts";

/** An IP address as a number: 32 or 128 bits. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** A block of addresses; `base` has no bit set outside the prefix. */
export interface Cidr {
  readonly family: 4 | 6;
  readonly base: bigint;
  readonly prefixLength: number;
}

/** An address together with the prefix of the subnet it lives in: `172.17.0.1/16`. */
export interface AddressWithPrefix {
  readonly address: IpAddress;
  readonly subnet: Cidr;
}

const BITS: Readonly<Record<4 | 6, number>> = { 4: 32, 6: 128 };

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    // No leading zero: some C libraries would read it as octal, so nobody should have to guess.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

/** Groups of one side of `::`; an IPv4 tail counts as two and stands at the very end only. */
function parseGroups(text: string, isLastSide: boolean): bigint[] | undefined {
  if (text === "") return [];
  const groups: bigint[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (part.includes(".")) {
      const tail = isLastSide && index === parts.length - 1 ? parseIpv4(part) : undefined;
      if (tail === undefined) return undefined;
      groups.push(tail >> 16n, tail & 0xffffn);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(BigInt(`0x${part}`));
    } else {
      return undefined;
    }
  }
  return groups;
}

function parseIpv6(text: string): bigint | undefined {
  const sides = text.split("::");
  if (sides.length > 2) return undefined;
  const head = parseGroups(sides[0] ?? "", sides.length === 1);
  const tail = parseGroups(sides[1] ?? "", true);
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (sides.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0n), ...tail];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

/** Accepts `172.17.0.2`, `fd00::1`; no zone, no brackets. */
export function tryParseIp(text: string): IpAddress | undefined {
  const family = text.includes(":") ? 6 : 4;
  const value = family === 6 ? parseIpv6(text) : parseIpv4(text);
  return value === undefined ? undefined : { family, value };
}

/** @throws {InvalidArgumentError} Naming the text. */
export function parseIp(text: string): IpAddress {
  const address = tryParseIp(text);
  if (!address) throw new InvalidArgumentError(`invalid IP address: ${JSON.stringify(text)}`);
  return address;
}

function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16),
  );
  // RFC 5952, section 4.2: the longest run of zeros, the first of equals, and only when it saves a group.
  const runs = groups.join(":").matchAll(/\b0(?::0)+\b/g);
  const longest = [...runs].toSorted((a, b) => b[0].length - a[0].length)[0];
  if (!longest) return groups.join(":");
  const text = groups.join(":");
  const head = text.slice(0, longest.index).replace(/:$/, "");
  const tail = text.slice(longest.index + longest[0].length).replace(/^:/, "");
  return `${head}::${tail}`;
}

export function formatIp(address: IpAddress): string {
  if (address.family === 6) return formatIpv6(address.value);
  return [24n, 16n, 8n, 0n].map((shift) => (address.value >> shift) & 0xffn).join(".");
}

/** Number of addresses in a block. */
export function blockSize(cidr: Cidr): bigint {
  return 1n << BigInt(BITS[cidr.family] - cidr.prefixLength);
}

/** The block of `prefixLength` that `address` is in. */
export function blockOf(address: IpAddress, prefixLength: number): Cidr {
  const hostBits = BigInt(BITS[address.family] - prefixLength);
  return {
    family: address.family,
    base: (address.value >> hostBits) << hostBits,
    prefixLength,
  };
}

/** Reads `172.17.0.1/16`, host bits allowed. */
export function tryParseAddressWithPrefix(text: string): AddressWithPrefix | undefined {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  const address = match?.[1] === undefined ? undefined : tryParseIp(match[1]);
  const prefixLength = Number(match?.[2]);
  if (!address || prefixLength > BITS[address.family]) return undefined;
  return { address, subnet: blockOf(address, prefixLength) };
}

/** @throws {InvalidArgumentError} Naming the text. */
export function parseAddressWithPrefix(text: string): AddressWithPrefix {
  const parsed = tryParseAddressWithPrefix(text);
  if (!parsed) throw new InvalidArgumentError(`invalid CIDR address: ${text}`);
  return parsed;
}

/** The block that `text` names, host bits dropped. @throws {InvalidArgumentError} Naming the text. */
export function parseCidr(text: string): Cidr {
  return parseAddressWithPrefix(text).subnet;
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIp({ family: cidr.family, value: cidr.base })}/${cidr.prefixLength}`;
}

export function contains(cidr: Cidr, address: IpAddress): boolean {
  return (
    cidr.family === address.family &&
    address.value >= cidr.base &&
    address.value < cidr.base + blockSize(cidr)
  );
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  if (a.family !== b.family) return false;
  return a.base < b.base + blockSize(b) && b.base < a.base + blockSize(a);
}
