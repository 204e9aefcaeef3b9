import { isIPv6 } from "node:net";
import { ArgumentError, hclFunction } from "#bake/hcl/function.ts";
import type { HclFunction } from "#bake/hcl/scope.ts";
import { list, STRING, text, type Value } from "#bake/hcl/value.ts";
import { asExact, asInteger, asText, numberParameter, textParameter } from "./arguments.ts";

interface Network {
  /** Its first address. */
  readonly base: bigint;
  readonly prefixBits: number;
  readonly totalBits: 32 | 128;
}

function parseNetwork(value: string): Network {
  const [address = "", prefix = ""] = value.split("/");
  const totalBits = isIPv6(address) ? 128 : 32;
  const prefixBits = Number(prefix);
  const base = totalBits === 128 ? ipv6Bits(address) : ipv4Bits(address);
  const isValid = /^\d+$/.test(prefix) && prefixBits <= totalBits && base !== undefined;
  if (!isValid) throw new ArgumentError(0, `invalid CIDR address: ${value}`);
  const free = BigInt(totalBits - prefixBits);
  return { base: ((base ?? 0n) >> free) << free, prefixBits, totalBits };
}

function ipv4Bits(address: string): bigint | undefined {
  const parts = address.split(".");
  const isValid =
    parts.length === 4 && parts.every((one) => /^\d{1,3}$/.test(one) && Number(one) < 256);
  return isValid ? parts.reduce((sum, one) => (sum << 8n) | BigInt(one), 0n) : undefined;
}

function ipv6Bits(address: string): bigint {
  const [head = "", tail] = address.split("::");
  const words = (half: string): readonly string[] => (half === "" ? [] : half.split(":"));
  const [before, after] = [words(head), words(tail ?? "")];
  const missing = tail === undefined ? 0 : 8 - before.length - after.length;
  const all = [...before, ...Array.from({ length: missing }, () => "0"), ...after];
  return all.reduce((sum, word) => (sum << 16n) | BigInt(Number.parseInt(word, 16)), 0n);
}

function written(bits: bigint, totalBits: 32 | 128): string {
  if (totalBits === 32) {
    return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 255n)).join(".");
  }
  const words = Array.from({ length: 8 }, (_, at) => (bits >> BigInt(112 - 16 * at)) & 0xffffn);
  const text = words.map((word) => word.toString(16)).join(":");
  // the longest run of zeros, the first of equals, is `::`
  const runs = [...text.matchAll(/(?<![\da-f])0(?::0)+(?![\da-f])/g)];
  const longest = runs.toSorted((left, right) => right[0].length - left[0].length)[0];
  if (!longest) return text;
  const end = longest.index + longest[0].length;
  return `${text.slice(0, longest.index).replace(/:$/, "")}::${text.slice(end).replace(/^:/, "")}`;
}

function host(network: Network, index: Value | undefined): string {
  const wanted = asExact(index).numerator;
  const size = 1n << BigInt(network.totalBits - network.prefixBits);
  const at = wanted < 0n ? size + wanted : wanted;
  if (at < 0n || at >= size) {
    throw new ArgumentError(
      1,
      `prefix of ${network.prefixBits} does not accommodate a host numbered ${wanted}`,
    );
  }
  return written(network.base + at, network.totalBits);
}

function subnet(network: Network, newBits: number, index: bigint): string {
  const prefix = network.prefixBits + newBits;
  if (newBits < 0 || prefix > network.totalBits) {
    throw new ArgumentError(
      1,
      `not enough remaining address space for a subnet with ${prefix} bits`,
    );
  }
  const count = 1n << BigInt(newBits);
  const at = index < 0n ? count + index : index;
  if (at < 0n || at >= count) {
    throw new ArgumentError(
      2,
      `prefix extension of ${newBits} does not accommodate a subnet numbered ${index}`,
    );
  }
  const base = network.base + (at << BigInt(network.totalBits - prefix));
  return `${written(base, network.totalBits)}/${prefix}`;
}

/** Networks of the given sizes, one behind the other. */
function subnets(network: Network, sizes: readonly number[]): readonly string[] {
  let next = network.base;
  const end = network.base + (1n << BigInt(network.totalBits - network.prefixBits));
  return sizes.map((newBits, index) => {
    const prefix = network.prefixBits + newBits;
    if (newBits < 1 || prefix > network.totalBits) {
      throw new ArgumentError(
        index + 1,
        "must extend prefix by at least one bit, within the address",
      );
    }
    const length = 1n << BigInt(network.totalBits - prefix);
    const base = ((next + length - 1n) / length) * length;
    if (base + length > end)
      throw new ArgumentError(index + 1, "not enough remaining address space");
    next = base + length;
    return `${written(base, network.totalBits)}/${prefix}`;
  });
}

export const NETWORK_FUNCTIONS: Readonly<Record<string, HclFunction>> = {
  cidrhost: hclFunction([textParameter("prefix"), numberParameter("hostnum")], (prefix, index) =>
    text(host(parseNetwork(asText(prefix)), index)),
  ),
  cidrnetmask: hclFunction([textParameter("prefix")], (prefix) => {
    const { prefixBits, totalBits } = parseNetwork(asText(prefix));
    if (totalBits === 128) throw new ArgumentError(0, "IPv6 has no netmask");
    const free = BigInt(totalBits - prefixBits);
    return text(written((((1n << BigInt(prefixBits)) - 1n) << free) & 0xffffffffn, 32));
  }),
  cidrsubnet: hclFunction(
    [textParameter("prefix"), numberParameter("newbits"), numberParameter("netnum")],
    (prefix, bits, index) =>
      text(subnet(parseNetwork(asText(prefix)), asInteger(bits, 1), asExact(index).numerator)),
  ),
  cidrsubnets: hclFunction(
    [textParameter("prefix")],
    (prefix, ...sizes) => {
      const bits = sizes.map((size, index) => asInteger(size, index + 1));
      return list(STRING, subnets(parseNetwork(asText(prefix)), bits).map(text));
    },
    numberParameter("newbits"),
  ),
};
