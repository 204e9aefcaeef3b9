import { describe, expect, test } from "bun:test";
import { parseIp } from "#base/ip.ts";
import { macOfIpv4, parseMac } from "./mac.ts";

describe("MAC addresses", () => {
  test("macOfIpv4() puts the address behind 02:42", () => {
    expect(macOfIpv4(parseIp("172.17.0.2"))).toBe("02:42:ac:11:00:02");
  });

  test("parseMac() takes dashes and capitals", () => {
    expect(parseMac("92-D0-C6-0A-29-33")).toBe("92:d0:c6:0a:29:33");
  });

  test.each([
    "",
    "92:d0",
    "00:00:00:00:00:00",
    "ff:ff:ff:ff:ff:ff",
    "01:00:5e:00:00:01",
    "g2:d0:c6:0a:29:33",
  ])("parseMac() refuses %p", (text) => {
    expect(() => parseMac(text)).toThrow("invalid MAC address");
  });
});
