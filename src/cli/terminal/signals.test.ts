import { expect, test } from "bun:test";
import { constants } from "node:os";
import { forwardedSignals } from "./signals.ts";

test("forwardedSignals are all that the system has, but those about our own process", () => {
  const own = ["SIGCHLD", "SIGPIPE", "SIGURG", "SIGWINCH"];
  const uncatchable = ["SIGKILL", "SIGSTOP"];
  const faults = [
    "SIGSEGV",
    "SIGBUS",
    "SIGFPE",
    "SIGILL",
    "SIGABRT",
    "SIGIOT",
    "SIGTRAP",
    "SIGSYS",
  ];
  const engine = ["SIGPWR", "SIGPROF"];
  const jobControl = ["SIGTSTP", "SIGTTIN", "SIGTTOU"];
  const kept = new Set([...own, ...uncatchable, ...faults, ...engine, ...jobControl]);
  const all = Object.keys(constants.signals).filter((name) => !kept.has(name));
  expect([...forwardedSignals].sort()).toEqual(all.sort() as NodeJS.Signals[]);
});
