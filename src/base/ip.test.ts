import { describe, expect, test } from "bun:test";
import {
  contains,
  formatCidr,
  formatIp,
  overlaps,
  parseAddressWithPrefix,
  parseCidr,
  parseIp,
  tryParseAddressWithPrefix,
  tryParseIp,
} from "./ip.ts";

describe("parseIp()", () => {
  test.each([
    "0.0.0.0",
    "172.17.0.2",
    "255.255.255.255",
    "::",
    "::1",
    "fd00::1",
    "1:2:3:4:5:6:7:8",
    "2001:db8::1:0:0:1",
    "1:0:2::3",
  ])("formatIp() gives %s back", (text) => {
    expect(formatIp(parseIp(text))).toBe(text);
  });

  test("formatIp() shortens as RFC 5952 says", () => {
    expect(formatIp(parseIp("2001:0DB8:0:0:1:0:0:1"))).toBe("2001:db8::1:0:0:1");
    expect(formatIp(parseIp("1::0:0:0"))).toBe("1::");
    expect(formatIp(parseIp("::ffff:1.2.3.4"))).toBe("::ffff:102:304");
    expect(formatIp(parseIp("1:0:3:4:5:6:7:8"))).toBe("1:0:3:4:5:6:7:8");
  });

  test.each([
    "",
    "1.2.3",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.4.5",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "::1%eth0",
    "[::1]",
    "1.2.3.4::",
  ])("tryParseIp() refuses %p", (text) => {
    expect(tryParseIp(text)).toBeUndefined();
  });
});

describe("blocks", () => {
  test("parseAddressWithPrefix() keeps the address and finds its block", () => {
    const { address, subnet } = parseAddressWithPrefix("172.17.0.1/16");
    expect(formatIp(address)).toBe("172.17.0.1");
    expect(formatCidr(subnet)).toBe("172.17.0.0/16");
  });

  test.each(["1.2.3.4", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/08", "::/129", "/8"])(
    "tryParseAddressWithPrefix() refuses %p",
    (text) => {
      expect(tryParseAddressWithPrefix(text)).toBeUndefined();
    },
  );

  test("overlaps() is symmetric and knows families apart", () => {
    const wide = parseCidr("172.16.0.0/12");
    const narrow = parseCidr("172.17.0.0/16");
    expect(overlaps(wide, narrow)).toBe(true);
    expect(overlaps(narrow, wide)).toBe(true);
    expect(overlaps(narrow, parseCidr("172.18.0.0/16"))).toBe(false);
    expect(overlaps(parseCidr("0.0.0.0/0"), parseCidr("::/0"))).toBe(false);
  });

  test("contains() includes both ends", () => {
    const block = parseCidr("10.0.0.0/30");
    expect(contains(block, parseIp("10.0.0.0"))).toBe(true);
    expect(contains(block, parseIp("10.0.0.3"))).toBe(true);
    expect(contains(block, parseIp("10.0.0.4"))).toBe(false);
  });
});
