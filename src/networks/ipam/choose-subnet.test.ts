import { describe, expect, test } from "bun:test";
import { ResourceExhaustedError } from "#base/errors.ts";
import { chooseSubnet, DEFAULT_SUBNET_POOLS } from "./choose-subnet.ts";
import { formatCidr, parseCidr } from "#base/ip.ts";

function choice(...taken: string[]): string {
  return formatCidr(chooseSubnet(DEFAULT_SUBNET_POOLS, taken.map(parseCidr)));
}

describe("chooseSubnet()", () => {
  test("begins where docker begins", () => {
    expect(choice()).toBe("172.17.0.0/16");
  });

  test("passes over what is taken, small or wide", () => {
    expect(choice("172.17.4.0/24", "172.18.0.1/32")).toBe("172.19.0.0/16");
    expect(choice("172.16.0.0/12")).toBe("192.168.0.0/20");
    expect(choice("172.16.0.0/12", "192.168.0.0/19", "192.168.40.1/32")).toBe("192.168.48.0/20");
  });

  test("fills a pool from its first gap", () => {
    expect(choice("172.17.0.0/16", "172.18.0.0/16", "172.19.0.0/16", "172.21.0.0/16")).toBe(
      "172.20.0.0/16",
    );
  });

  test("ends in one pass where a wide route covers thousands of subnets", () => {
    const pools = [{ base: parseCidr("10.0.0.0/8"), size: 29 }];
    expect(() => chooseSubnet(pools, [parseCidr("10.0.0.0/8")])).toThrow(ResourceExhaustedError);
    expect(formatCidr(chooseSubnet(pools, [parseCidr("10.0.0.0/9")]))).toBe("10.128.0.0/29");
  });

  test("says so when all are taken", () => {
    expect(() => choice("172.16.0.0/12", "192.168.0.0/16")).toThrow(
      "all predefined address pools have been fully subnetted",
    );
  });
});
