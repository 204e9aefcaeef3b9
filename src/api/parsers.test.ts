import { describe, expect, test } from "bun:test";
import { DEFAULT_DETACH_KEYS, DetachScanner, parseDetachKeys } from "./detach-keys.ts";
import { frameOutput } from "./output-frames.ts";
import { Query } from "./query.ts";
import { Router, answer } from "./router.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

describe("parseDetachKeys()", () => {
  test.each([
    ["", [16, 17]],
    ["ctrl-x,x", [24, 120]],
    ["a", [97]],
    ["ctrl-@,ctrl-_", [0, 31]],
  ])("%j", (keys, codes) => {
    expect([...parseDetachKeys(keys)]).toEqual(codes);
  });

  test.each(["ctrl-", "ctrl-1", "ab", "ctrl-x,"])("refuses %j", (keys) => {
    expect(() => parseDetachKeys(keys)).toThrow(`Invalid detach keys (${keys}) provided`);
  });
});

describe("DetachScanner", () => {
  test.each([
    ["finds the keys across packets", ["ab\x10", "\x11c"], "ab", true],
    ["gives back a beginning that leads nowhere", ["\x10", "x"], "\x10x", false],
    ["begins again with the first key", ["\x10\x10\x11"], "\x10", true],
    ["lets all else through", ["\x11\x03 hello"], "\x11\x03 hello", false],
  ])("%s", (_name, packets, forwarded, isDetached) => {
    const scanner = new DetachScanner(DEFAULT_DETACH_KEYS);
    const scanned = packets.map((packet) => scanner.scan(Buffer.from(packet, "latin1")));
    expect(scanned.map(({ forward }) => text(forward)).join("")).toBe(forwarded);
    expect(scanned.at(-1)?.isDetached).toBe(isDetached);
  });
});

test("frameOutput() puts stream and length before the payload", () => {
  const frame = frameOutput("stderr", Buffer.from("abc"));
  expect([...frame]).toEqual([2, 0, 0, 0, 0, 0, 0, 3, 97, 98, 99]);
});

describe("Query", () => {
  test("reads booleans as loosely as Docker", () => {
    const query = new Query("a=1&b=0&c=False&d=none&e=yes&f");
    const read = ["a", "b", "c", "d", "e", "f", "g"].map((name) => query.boolean(name));
    expect(read).toEqual([true, false, false, false, true, false, false]);
    expect(query.booleanOr("g", true)).toBe(true);
  });

  test("reads integers as strictly as Go", () => {
    const query = new Query("a=-5&b=1x&c=&d=99999999999999999999");
    expect(query.integer("a")).toBe(-5);
    expect(query.integer("c")).toBeUndefined();
    expect(() => query.integer("b")).toThrow('strconv.Atoi: parsing "1x": invalid syntax');
    expect(() => query.integer("d")).toThrow("value out of range");
  });
});

describe("Router", () => {
  const router = new Router([
    answer("GET", "/images/json", () => {}),
    answer("GET", "/images/{name:.*}/json", () => {}),
    answer("GET", "/images/{name:.*}/get", () => {}),
    answer("DELETE", "/images/{name:.*}", () => {}),
    answer("GET", "/containers/{id}/json", () => {}),
    answer("DELETE", "/containers/{id}", () => {}),
  ]);

  test.each([
    ["GET", "/images/json", "/images/json", {}],
    ["GET", "/images/a/b:c/json", "/images/{name:.*}/json", { name: "a/b:c" }],
    ["GET", "/images/a%2Fb/json", "/images/{name:.*}/json", { name: "a/b" }],
    ["GET", "/images/json/json", "/images/{name:.*}/json", { name: "json" }],
    ["DELETE", "/images/a/b/c@sha256:12", "/images/{name:.*}", { name: "a/b/c@sha256:12" }],
    ["GET", "/containers/x/json", "/containers/{id}/json", { id: "x" }],
    ["GET", "/containers/web/db/json", "/containers/{id}/json", { id: "web/db" }],
    ["DELETE", "/containers/web/we.ird/db", "/containers/{id}", { id: "web/we.ird/db" }],
  ])("%s %s", (method, path, route, params) => {
    const found = router.find(method, path);
    expect([found?.route.path, found?.params]).toEqual([route, params]);
  });

  test.each([
    ["GET", "/images//json"],
    ["GET", "/images/a"],
    ["POST", "/images/json"],
    ["GET", "/containers/a/b/nosuch"],
    ["GET", "/other/a/b/json"],
  ])("nothing for %s %s", (method, path) => {
    expect(router.find(method, path)).toBeUndefined();
  });
});
