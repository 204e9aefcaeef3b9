import { isIPv4, isIPv6 } from "node:net";
import { InvalidArgumentError } from "#base/errors.ts";

/** An address and the length of its network's prefix. */
export interface CidrBytes {
  readonly address: Uint8Array;
  readonly prefixBits: number;
}

/** @returns 4 or 16 bytes. @throws {InvalidArgumentError} */
export function parseIpAddress(text: string): Uint8Array {
  if (isIPv4(text)) return Uint8Array.from(text.split("."), Number);
  if (isIPv6(text) && !text.includes("%")) return parseIpv6(text);
  throw new InvalidArgumentError(`Cannot parse IP address "${text}"`);
}

/** @throws {InvalidArgumentError} */
export function parseCidr(text: string): CidrBytes {
  const [host = "", bits = "", ...rest] = text.split("/");
  const address = parseIpAddress(host);
  const prefixBits = Number(bits);
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits) || prefixBits > address.length * 8) {
    throw new InvalidArgumentError(`Cannot parse CIDR "${text}": want address/bits`);
  }
  return { address, prefixBits };
}

/** Dotted decimal, or IPv6 in the form of RFC 5952: the longest run of zero words becomes `::`. */
export function formatIpAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const words = Array.from({ length: 8 }, (_, at) => view.getUint16(at * 2));
  let best = { start: 0, length: 1 }; // a single zero word is written as it is
  for (let start = 0; start < 8; start += 1) {
    const end = words.findIndex((word, at) => at >= start && word !== 0);
    const length = (end < 0 ? 8 : end) - start;
    if (length > best.length) best = { start, length };
  }
  const hex = words.map((word) => word.toString(16));
  if (best.length < 2) return hex.join(":");
  const tail = hex.slice(best.start + best.length);
  return `${hex.slice(0, best.start).join(":")}::${tail.join(":")}`;
}

/** The last address of an IPv4 network. */
export function broadcastOf({ address, prefixBits }: CidrBytes): Uint8Array {
  return address.map((byte, at) => {
    const hostBits = Math.min(8, Math.max(0, (at + 1) * 8 - prefixBits));
    return byte | (2 ** hostBits - 1);
  });
}

function parseIpv6(text: string): Uint8Array {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted !== null) {
    const [a = 0, b = 0, c = 0, d = 0] = parseIpAddress(dotted[2] ?? "");
    return parseIpv6(`${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const [head = "", tail] = text.split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => "0");
  const words = [...first, ...zeros, ...last].map((word) => Number.parseInt(word, 16));
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}
