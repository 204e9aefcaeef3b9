import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import { openLinuxHost } from "#host/linux/host.ts";
import { openRuntime, type RuntimeOptions } from "./open.ts";

async function open(changes: Partial<RuntimeOptions>) {
  await using stack = new AsyncDisposableStack();
  const host = stack.use(await openLinuxHost());
  const stateDir = mkdtempSync(join(tmpdir(), "wharf-runtime-"));
  stack.defer(() => rmSync(stateDir, { recursive: true }));
  mkdirSync(join(stateDir, "tty"));
  await Bun.write(join(stateDir, "tty", "conmon-term.LEFT"), "");
  const opened = stack.use(
    await openRuntime({
      processes: host.processes,
      cgroups: host.cgroups,
      sockets: host.sockets,
      files: host.files,
      clock: host.clock,
      bootId: host.system.bootId,
      stateDir,
      runtimes: {},
      cgroupManager: "cgroupfs",
      ...changes,
    }),
  );
  return { ...opened, runtime: opened.runtime, left: readdirSync(join(stateDir, "tty")) };
}

test("openRuntime() takes crun where it passes its self-test, and knows runc by both names", async () => {
  const { runtime, warnings, left } = await open({});
  expect({ name: runtime.defaultRuntime, warnings, left }).toEqual({
    name: "crun",
    warnings: [],
    left: [],
  });
  expect(Object.keys(runtime.runtimes)).toEqual(["crun", "runc", "io.containerd.runc.v2"]);
  expect(runtime.runtimes["runc"]?.version).toMatch(/^\d+\./);
  expect(runtime.supervisorVersion).toStartWith("conmon version ");
});

test("openRuntime() falls back to runc and says why", async () => {
  const { runtime, warnings } = await open({
    runtimes: { crun: { path: "crun", arguments: ["--no-such-option"] } },
  });
  expect(runtime.defaultRuntime).toBe("runc");
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toStartWith("crun is not used: ");
});

test("openRuntime() takes --add-runtime and refuses what is not there", async () => {
  const added = { fast: { path: "/usr/bin/runc", arguments: ["--debug"] } };
  const { runtime } = await open({ runtimes: added, defaultRuntime: "fast" });
  expect(runtime.runtimes["fast"]).toMatchObject({ path: "/usr/bin/runc", arguments: ["--debug"] });
  expect(runtime.defaultRuntime).toBe("fast");
  const reject = (changes: Partial<RuntimeOptions>): Promise<unknown> =>
    open(changes).then(
      () => undefined,
      (error: unknown) => error,
    );
  const missing = { gone: { path: "/no/such", arguments: [] } };
  expect(await reject({ runtimes: missing })).toBeInstanceOf(FailedPreconditionError);
  expect(await reject({ defaultRuntime: "gone" })).toBeInstanceOf(InvalidArgumentError);
});
