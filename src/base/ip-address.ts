/** Checks of addresses by their text alone; arithmetic on them is the networks' concern. */

export function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return (
    parts.length === 4 &&
    parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255)
  );
}

export function isIpv6(text: string): boolean {
  const zone = text.indexOf("%");
  let address = zone > 0 ? text.slice(0, zone) : text;
  if (zone === 0 || zone === text.length - 1 || !/^[0-9a-fA-F:.]+$/.test(address)) return false;
  const lastColon = address.lastIndexOf(":");
  if (address.includes(".")) {
    if (lastColon < 0 || !isIpv4(address.slice(lastColon + 1))) return false;
    address = `${address.slice(0, lastColon + 1)}0:0`;
  }
  const halves = address.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? groups.length < 8 : groups.length === 8;
}

export function isIpAddress(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}

/** Six octets in hex, separated by colons or dashes. */
export function isMacAddress(text: string): boolean {
  return /^[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2})(?:\1[0-9a-fA-F]{2}){4}$/.test(text);
}
