import { expect, test } from "bun:test";
import { HeldStep } from "./failed-step.ts";
import type { StepCommand, StepProcess } from "./step-runner.ts";

const COMMAND: StepCommand = {
  rootPath: "/after",
  remount: async () => {},
  args: ["false"],
  env: ["A=b"],
  cwd: "/w",
  user: "1",
  hostname: "h",
  mounts: [{ kind: "bind", source: "/s", destination: "/m", isReadOnly: true }],
  network: { kind: "none" },
  isPrivileged: false,
  extraHosts: [],
  isFollowed: true,
  limits: {},
};

/** A step whose processes and trees are only noted. */
function heldStep(): { readonly held: HeldStep; readonly log: string[] } {
  const log: string[] = [];
  const held = new HeldStep({
    error: new Error("failed"),
    title: "RUN false",
    command: COMMAND,
    mountEnv: ["TOKEN=s3cret"],
    openBefore: async () => ({
      path: "/before",
      remount: async () => {},
      [Symbol.asyncDispose]: async () => void log.push("tree gone"),
    }),
    steps: {
      open: async ({ rootPath, args, env, mounts, isFollowed }) => {
        log.push(JSON.stringify([rootPath, args, env, mounts.length, isFollowed]));
        const process: StepProcess = {
          async *output() {},
          write: async () => {},
          endInput: () => {},
          resize: async () => {},
          kill: () => true,
          exited: Promise.resolve({ exitCode: 0 }),
          [Symbol.asyncDispose]: async () => void log.push("process gone"),
        };
        return process;
      },
    },
  });
  return { held, log };
}

const WISH = { args: ["sh"], env: ["X=y"], cwd: "/", user: "", terminal: undefined } as const;

test("HeldStep runs processes with the step's mounts and what they give, in the files before it or after", async () => {
  const { held, log } = heldStep();
  const before = await held.openRoot("before");
  await before.start(WISH, new AbortController().signal);
  const after = await held.openRoot("after");
  await after.start(WISH, new AbortController().signal);
  expect(log).toEqual([
    '["/before",["sh"],["X=y","TOKEN=s3cret"],1,false]',
    '["/after",["sh"],["X=y","TOKEN=s3cret"],1,false]',
  ]);
  expect(held.command.env).toEqual(["A=b"]);
  await held[Symbol.asyncDispose]();
});

test("HeldStep ends its processes before their files go, and starts none afterwards", async () => {
  const { held, log } = heldStep();
  const root = await held.openRoot("before");
  await root.start(WISH, new AbortController().signal);
  log.length = 0;
  await held[Symbol.asyncDispose]();
  expect(log).toEqual(["process gone", "tree gone"]);
  expect(root.start(WISH, new AbortController().signal)).rejects.toThrow("given up");
  expect(held.openRoot("after")).rejects.toThrow("the build has ended");
});
