import { InvalidArgumentError, invariant } from "#base/errors.ts";
import type { IpAddress } from "#base/ip.ts";

function formatMac(octets: readonly number[]): string {
  return octets.map((octet) => octet.toString(16).padStart(2, "0")).join(":");
}

/**
 * `02:42:` and the four octets of the address: one address always has one MAC, so a neighbour's cache
 * stays right when the address goes to the next container.
 */
export function macOfIpv4(address: IpAddress): string {
  invariant(address.family === 4, "a derived MAC address needs an IPv4 address");
  const octets = [24n, 16n, 8n, 0n].map((shift) => Number((address.value >> shift) & 0xffn));
  return formatMac([0x02, 0x42, ...octets]);
}

/** For an endpoint without IPv4: `02:42:` and the id's first eight digits. */
export function macOfId(id: string): string {
  const octets = [0, 2, 4, 6].map((at) => Number.parseInt(id.slice(at, at + 2), 16));
  return formatMac([0x02, 0x42, ...octets]);
}

/**
 * Reads `92:d0:c6:0a:29:33`, also with dashes, any case.
 *
 * @returns Lower case, with colons.
 * @throws {InvalidArgumentError} When malformed, multicast or all zero: no interface can have that.
 */
export function parseMac(text: string): string {
  if (!/^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$/.test(text)) {
    throw new InvalidArgumentError(`invalid MAC address: ${text}`);
  }
  const octets = text.split(/[:-]/).map((octet) => Number.parseInt(octet, 16));
  if (((octets[0] ?? 0) & 1) === 1 || octets.every((octet) => octet === 0)) {
    throw new InvalidArgumentError(`invalid MAC address: ${text} is no unicast address`);
  }
  return formatMac(octets);
}
