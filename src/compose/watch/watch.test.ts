import { expect, test } from "bun:test";
import { planBatch } from "./plan-batch.ts";
import type { WatchRule } from "./rules.ts";

const rule = (given: Partial<WatchRule>): WatchRule => ({
  service: "web",
  action: "sync",
  path: "/src",
  target: "/app",
  exec: undefined,
  include: [],
  ignore: [],
  isInitial: false,
  ...given,
});
const all = (): boolean => true;
const written = (path: string) => ({ path, kind: "written" as const });

test("planBatch() maps paths to where they are in the container", () => {
  const { synced } = planBatch(
    [written("/src/a/b"), { path: "/src/c", kind: "removed" }, written("/srcs/x")],
    [rule({})],
    all,
  );
  expect(synced.get("web")).toEqual({
    writes: [{ from: "/src/a/b", to: "/app/a/b" }],
    removals: ["/app/c"],
    hooks: [],
    isRestarted: false,
  });
});

test("planBatch() puts a file of its own at the target itself", () => {
  const { synced } = planBatch([written("/f")], [rule({ path: "/f", target: "/etc/f" })], all);
  expect(synced.get("web")?.writes).toEqual([{ from: "/f", to: "/etc/f" }]);
});

test("planBatch() builds anew rather than copies, restarts without copying, runs hooks once a rule", () => {
  const exec = { command: ["true"] };
  const rules = [
    rule({ service: "built", action: "rebuild" }),
    rule({ service: "built" }),
    rule({ service: "again", action: "restart" }),
    rule({ service: "hooked", action: "sync+exec", exec }),
  ];
  const { rebuilt, synced } = planBatch([written("/src/a"), written("/src/b")], rules, all);
  expect(rebuilt).toEqual(["built"]);
  expect([...synced.keys()]).toEqual(["again", "hooked"]);
  expect(synced.get("again")).toMatchObject({ writes: [], isRestarted: true });
  expect(synced.get("hooked")?.hooks).toEqual([exec]);
});

test("planBatch() leaves out what does not concern a rule", () => {
  const { rebuilt, synced } = planBatch([written("/src/a")], [rule({})], () => false);
  expect([rebuilt.length, synced.size]).toEqual([0, 0]);
});
