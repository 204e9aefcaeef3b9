import { expect, test } from "bun:test";
import { type ConmonPlan, planConmonArguments } from "./arguments.ts";
import { parseExitReport, parseReport } from "./supervisor.ts";

const plan: ConmonPlan = {
  id: "c1",
  containerId: "c1",
  launcherPath: undefined,
  runtimePath: "/usr/bin/runc",
  runtimeArguments: ["--root=/r"],
  directory: "/run/c1",
  pidFile: "/run/c1/pid",
  terminal: false,
  openStdin: false,
  keepStdinOpen: true,
  needsEmptyInput: false,
  logTarget: "none",
};

test("parseReport() reads a pid, a refusal and silence", () => {
  expect(parseReport('{"data": 4711}')).toEqual({ pid: 4711 });
  expect(parseReport('{"data": -1, "message": "no\\nway"}')).toEqual({ message: "no\nway" });
  expect(parseReport('{"data": -127}')).toEqual({});
  expect(parseReport(undefined)).toEqual({});
});

test("parseExitReport() reads an exit code and silence", () => {
  expect(parseExitReport('{"data": 0}')).toBe(0);
  expect(parseExitReport('{"data": 137}')).toBe(137);
  expect(parseExitReport('{"data": -1, "message": "timed out"}')).toBeUndefined();
  expect(parseExitReport(undefined)).toBeUndefined();
});

test("planConmonArguments() puts the launcher before the runtime", () => {
  const words = planConmonArguments({ ...plan, launcherPath: "/proc/1/fd/9" });
  expect(words.filter((word) => word.startsWith("--runtime"))).toEqual([
    "--runtime=/proc/1/fd/9",
    "--runtime-arg=/usr/bin/runc",
    "--runtime-arg=--root=/r",
  ]);
});

test("planConmonArguments() restores a checkpoint in place of creating", () => {
  const words = planConmonArguments({ ...plan, restoreFrom: "/c/one" });
  expect(words).toContain("--restore=/c/one");
});

test("planConmonArguments() of an exec names its container, and attaches only when asked", () => {
  const exec = { ...plan, id: "e1", exec: { processFile: "/p", attach: false } };
  expect(planConmonArguments(exec)).toContain("--cid=c1");
  expect(planConmonArguments(exec)).toContain("--cuuid=e1");
  expect(planConmonArguments(exec)).not.toContain("--exec-attach");
  const attached = { ...exec, exec: { processFile: "/p", attach: true } };
  expect(planConmonArguments(attached)).toContain("--exec-attach");
});
