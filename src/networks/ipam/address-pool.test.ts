import { describe, expect, test } from "bun:test";
import { ConflictError, ResourceExhaustedError } from "#base/errors.ts";
import { AddressPool } from "./address-pool.ts";
import { formatIp, parseCidr, parseIp } from "#base/ip.ts";

function poolOf(subnet: string, range?: string): AddressPool {
  const block = parseCidr(subnet);
  const gateway = { family: block.family, value: block.base + 1n };
  return new AddressPool(block, range === undefined ? undefined : parseCidr(range), [gateway]);
}

describe("AddressPool", () => {
  test("take() gives the lowest free address after network and gateway", () => {
    const pool = poolOf("172.17.0.0/16");
    expect([pool.take(), pool.take()].map(formatIp)).toEqual(["172.17.0.2", "172.17.0.3"]);
  });

  test("take() gives a released address again, lowest first", () => {
    const pool = poolOf("172.17.0.0/16");
    const [first, second] = [pool.take(), pool.take(), pool.take()];
    if (second) pool.release(second);
    if (first) pool.release(first);
    expect([pool.take(), pool.take(), pool.take()].map(formatIp)).toEqual([
      "172.17.0.2",
      "172.17.0.3",
      "172.17.0.5",
    ]);
  });

  test("take() never gives the broadcast address, and says when all are gone", () => {
    const pool = poolOf("10.0.0.0/29");
    const given = Array.from({ length: 5 }, () => formatIp(pool.take()));
    expect(given.at(-1)).toBe("10.0.0.6");
    expect(() => pool.take()).toThrow(ResourceExhaustedError);
    pool.release(parseIp("10.0.0.4"));
    expect(formatIp(pool.take())).toBe("10.0.0.4");
  });

  test("take() stays inside the range", () => {
    const pool = poolOf("172.17.0.0/16", "172.17.5.0/30");
    expect(Array.from({ length: 4 }, () => formatIp(pool.take()))).toEqual([
      "172.17.5.0",
      "172.17.5.1",
      "172.17.5.2",
      "172.17.5.3",
    ]);
    expect(() => pool.take()).toThrow(ResourceExhaustedError);
  });

  test("takeExactly() refuses what is taken or foreign; take() passes over it", () => {
    const pool = poolOf("172.17.0.0/16");
    pool.takeExactly(parseIp("172.17.0.2"));
    expect(() => pool.takeExactly(parseIp("172.17.0.2"))).toThrow(ConflictError);
    expect(() => pool.takeExactly(parseIp("172.17.0.1"))).toThrow(ConflictError);
    expect(() => pool.takeExactly(parseIp("10.0.0.1"))).toThrow(ConflictError);
    expect(formatIp(pool.take())).toBe("172.17.0.3");
  });

  test("release() of a foreign address does nothing", () => {
    const pool = poolOf("172.17.0.0/16");
    pool.release(parseIp("10.0.0.1"));
    expect(formatIp(pool.take())).toBe("172.17.0.2");
  });
});
