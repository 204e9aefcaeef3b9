import { describe, expect, test } from "bun:test";
import { InvalidArgumentError } from "#base/errors.ts";
import { broadcastOf, formatIpAddress, parseCidr, parseIpAddress } from "./ip-address.ts";

describe("formatIpAddress()", () => {
  test("writes back what parseIpAddress() read, in the shortest form", () => {
    const pairs = [
      ["172.17.0.1", "172.17.0.1"],
      ["::", "::"],
      ["::1", "::1"],
      ["fd00::", "fd00::"],
      ["fd00:0:0:1:0:0:0:2", "fd00:0:0:1::2"],
      ["1:0:0:2:3:0:0:4", "1::2:3:0:0:4"],
      ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
      ["::ffff:10.0.0.1", "::ffff:a00:1"],
      ["FE80::ABCD", "fe80::abcd"],
    ];
    for (const [text = "", shortest = ""] of pairs) {
      expect(formatIpAddress(parseIpAddress(text))).toBe(shortest);
    }
  });
});

describe("parseCidr()", () => {
  test("refuses what is no address with a prefix", () => {
    for (const text of [
      "10.0.0.1",
      "10.0.0.1/33",
      "fd00::1/129",
      "x/8",
      "10.0.0.1/8/8",
      "1.2.3.4/-1",
    ]) {
      expect(() => parseCidr(text)).toThrow(InvalidArgumentError);
    }
  });
});

describe("broadcastOf()", () => {
  test("sets all bits behind the prefix", () => {
    const broadcast = (cidr: string): string => formatIpAddress(broadcastOf(parseCidr(cidr)));
    expect(broadcast("172.17.0.1/16")).toBe("172.17.255.255");
    expect(broadcast("10.1.2.3/29")).toBe("10.1.2.7");
    expect(broadcast("10.1.2.3/0")).toBe("255.255.255.255");
  });
});
