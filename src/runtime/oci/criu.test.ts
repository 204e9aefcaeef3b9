import { expect, test } from "bun:test";
import { NotFoundError } from "#base/errors.ts";
import type { RunResult } from "#host/processes.ts";
import { findCheckpointRefusal } from "./criu.ts";
import type { RuntimeProgram } from "./program.ts";

const RUNC: RuntimeProgram = {
  name: "runc",
  path: "/usr/bin/runc",
  arguments: [],
  version: "1",
  commit: "",
  family: "runc",
  rootDir: "/r",
};
const CRUN: RuntimeProgram = { ...RUNC, name: "crun", path: "/usr/bin/crun", family: "crun" };

function answering(answers: Readonly<Record<string, Partial<RunResult>>>) {
  return {
    run: async ({ argv }: { readonly argv: readonly string[] }): Promise<RunResult> => {
      const answer = answers[argv.join(" ")];
      if (!answer) throw new NotFoundError(`Cannot start "${argv[0]}"`);
      return { code: 0, stdout: "", stderr: "", ...answer };
    },
  };
}

test("a host without criu says so", async () => {
  expect(await findCheckpointRefusal(answering({}), undefined, RUNC)).toBe("criu is not installed");
});

test("criu's first error is the reason", async () => {
  const stderr =
    "Warn  (criu/kerndat.c:1153): nothing yet\n" +
    "Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds\n" +
    "Error (criu/crtools.c:260): Could not initialize kernel features detection.\n";
  const processes = answering({ "/sbin/criu check": { code: 1, stderr } });
  expect(await findCheckpointRefusal(processes, "/sbin/criu", RUNC)).toBe(
    "criu check failed: Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds",
  );
  expect(await findCheckpointRefusal(answering({}), "/sbin/criu", RUNC)).toContain("Cannot start");
});

test("a crun that was built without criu is told by name", async () => {
  const version = { stdout: "crun version 1.8.1\n+SYSTEMD +SECCOMP\n" };
  const without = answering({ "/usr/bin/crun --version": version, "/sbin/criu check": {} });
  expect(await findCheckpointRefusal(without, "/sbin/criu", CRUN)).toContain("--runtime runc");
  const having = { stdout: "crun version 1.28\n+SYSTEMD +CRIU\n" };
  const processes = answering({ "/usr/bin/crun --version": having, "/sbin/criu check": {} });
  expect(await findCheckpointRefusal(processes, "/sbin/criu", CRUN)).toBeUndefined();
  expect(await findCheckpointRefusal(processes, "/sbin/criu", RUNC)).toBeUndefined();
});
