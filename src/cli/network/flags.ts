import { InvalidArgumentError } from "#base/errors.ts";
import { isIpAddress } from "#base/ip-address.ts";
import { customFlag, type Flag, type FlagOptions, splitCsvLine } from "#cli/command/flags.ts";

/** One address; the last occurrence wins. */
export function ipFlag(help: string): Flag<string> {
  return customFlag("ip", help, "<nil>", "", parseAddress, { valueName: "string" });
}

/** Repeatable, each occurrence split at commas; every element an address. */
export function ipSliceFlag(
  help: string,
  options: Pick<FlagOptions<unknown>, "valueName"> = {},
): Flag<readonly string[]> {
  return customFlag<readonly string[]>(
    "ipSlice",
    help,
    "[]",
    [],
    (text, before) => [...before, ...splitCsvLine(text).map(parseAddress)],
    options,
  );
}

function parseAddress(text: string): string {
  const address = text.trim();
  if (isIpAddress(address)) return address;
  throw new InvalidArgumentError(`failed to parse IP: ${JSON.stringify(text)}`);
}

/** Repeatable, each occurrence split at commas; every element a block of addresses. */
export function cidrSliceFlag(
  help: string,
  options: Pick<FlagOptions<unknown>, "valueName"> = {},
): Flag<readonly string[]> {
  return customFlag<readonly string[]>(
    "ipNetSlice",
    help,
    "[]",
    [],
    (text, before) => [...before, ...splitCsvLine(text).map(parseCidrText)],
    options,
  );
}

function parseCidrText(text: string): string {
  const [address = "", bits = "", ...rest] = text.trim().split("/");
  const largest = address.includes(":") ? 128 : 32;
  if (rest.length === 0 && isIpAddress(address) && /^\d{1,3}$/.test(bits)) {
    if (Number(bits) <= largest) return text.trim();
  }
  throw new InvalidArgumentError(`invalid string being converted to CIDR: ${text}`);
}
