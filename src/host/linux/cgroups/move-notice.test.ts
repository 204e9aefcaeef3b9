import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { MoveNotice, type MoveTarget, ownGroup } from "./move-notice.ts";

const hybrid = "5:name=systemd:/system.slice\n2:cpu,cpuacct:/a:b\n0::/unified\n";

test.each([
  ["cpuacct", "/a:b"],
  ["name=systemd", "/system.slice"],
  ["", "/unified"],
  ["memory", undefined],
])("ownGroup() of hierarchy %p is %p", (name, path) => {
  expect(ownGroup(hybrid, name)).toBe(path);
});

test("MoveNotice.give() moves the process to where it is, and once more for notices on the way", async () => {
  const written: { path: string; done: () => void }[] = [];
  const open = (path: string): MoveTarget => ({
    move: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      written.push({ path, done: resolve });
      return promise;
    },
    [Symbol.dispose]: () => {},
  });
  const settled = (): Promise<void> => setImmediate();
  const [name = ""] =
    /(?<=^\d+:)[^:,]*(?=[:,])/m.exec(readFileSync("/proc/self/cgroup", "utf8")) ?? [];
  const isV2 = name === "";
  const notice = new MoveNotice(
    isV2
      ? { layout: "v2", v1: new Map(), named: [], v2: "/v2" }
      : { layout: "v1", v1: new Map([[name, "/v1"]]), named: [], v2: undefined },
    open,
  );
  notice.give();
  notice.give();
  notice.give();
  expect(written).toHaveLength(1);
  expect(written[0]?.path).toMatch(isV2 ? /^\/v2\/.*cgroup\.procs$/ : /^\/v1\/.*cgroup\.procs$/);
  written[0]?.done();
  await settled();
  expect(written).toHaveLength(2);
  written[1]?.done();
  await settled();
  expect(written).toHaveLength(2);
  notice.give();
  expect(written).toHaveLength(3);
});

test("MoveNotice.keepGiving() goes on until the last who asked is done", async () => {
  let count = 0;
  const open = (): MoveTarget => ({
    move: () => {
      count += 1;
      return Promise.resolve();
    },
    [Symbol.dispose]: () => {},
  });
  const [name = ""] =
    /(?<=^\d+:)[^:,]*(?=[:,])/m.exec(readFileSync("/proc/self/cgroup", "utf8")) ?? [];
  const v1 = new Map(name === "" ? [] : [[name, "/v1"]]);
  const notice = new MoveNotice({ layout: "hybrid", v1, named: [], v2: "/v2" }, open);
  const grown = async (): Promise<void> => {
    const before = count;
    while (count === before) await setImmediate();
  };
  const first = notice.keepGiving();
  const second = notice.keepGiving();
  await grown();
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await grown();
  second[Symbol.dispose]();
  using _third = notice.keepGiving();
  await grown();
});

test("MoveNotice.give() opens the group once, anew when it is gone, and bears one that cannot be opened", async () => {
  const [name = ""] =
    /(?<=^\d+:)[^:,]*(?=[:,])/m.exec(readFileSync("/proc/self/cgroup", "utf8")) ?? [];
  const v1 = new Map(name === "" ? [] : [[name, "/v1"]]);
  const opened: { isClosed: boolean }[] = [];
  let fails = true;
  const notice = new MoveNotice({ layout: "hybrid", v1, named: [], v2: "/v2" }, () => {
    if (fails) throw new Error("EACCES");
    const own = { isClosed: false };
    opened.push(own);
    return {
      move: () => (opened.length === 1 ? Promise.reject(new Error("ENODEV")) : Promise.resolve()),
      [Symbol.dispose]: () => void (own.isClosed = true),
    };
  });
  notice.give();
  fails = false;
  for (let round = 0; round < 3; round++) {
    notice.give();
    await setImmediate();
  }
  expect(opened).toEqual([{ isClosed: true }, { isClosed: false }]);
});
