import { expect, test } from "bun:test";
import { ignoredSignal } from "./ignored-signal.ts";

const killed = { Name: "/web", Path: "nginx", Config: {}, State: { ExitCode: 137 } };
const asked = { timeoutSeconds: undefined, signal: undefined, tookMs: 10_100 };

test("ignoredSignal() names program, signal, time and mend", () => {
  expect(ignoredSignal(killed, asked)).toBe(
    'web: "nginx" did not end on SIGTERM and was killed after 10 seconds; run it with --init, ' +
      "or name a signal that it obeys: --stop-signal",
  );
  const own = { ...killed, Config: { StopSignal: "SIGQUIT", StopTimeout: 1 } };
  expect(ignoredSignal(own, { ...asked, tookMs: 1001 })).toContain(
    "did not end on SIGQUIT and was killed after 1 second;",
  );
  const wanted = { timeoutSeconds: 2, signal: "int", tookMs: 2001 };
  expect(ignoredSignal(own, wanted)).toContain("on SIGINT and was killed after 2 seconds");
});

test("ignoredSignal() is silent about all other ends", () => {
  expect(ignoredSignal({ ...killed, State: { ExitCode: 0 } }, asked)).toBeUndefined();
  expect(ignoredSignal(killed, { ...asked, tookMs: 4000 })).toBeUndefined();
  expect(ignoredSignal(killed, { ...asked, timeoutSeconds: 0 })).toBeUndefined();
  expect(ignoredSignal(killed, { ...asked, timeoutSeconds: -1 })).toBeUndefined();
  const oom = { ...killed, State: { ExitCode: 137, OOMKilled: true } };
  expect(ignoredSignal(oom, asked)).toBeUndefined();
});
