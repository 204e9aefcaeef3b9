import { expect, test } from "bun:test";
import { readSolveError, writeSolveError } from "./solve-error.ts";

/** As dockerd 28.5 tells of a RUN with mounts of all kinds. */
const TOLD = {
  inputIDs: ["x::before", "", "x::context", "", "", ""],
  mountIDs: ["x::after", "", "x::changed", "", "", ""],
  op: {
    inputs: [{ digest: "sha256:e1" }],
    exec: {
      meta: {
        args: ["/bin/sh", "-c", "false"],
        env: ["PATH=/bin", "SSH_AUTH_SOCK=/agent"],
        cwd: "/w",
        removeMountStubsRecursive: true,
      },
      mounts: [
        { dest: "/" },
        {
          input: "-1",
          dest: "/c",
          output: "-1",
          mountType: "CACHE",
          cacheOpt: { ID: "/foo", sharing: "LOCKED" },
        },
        { input: "1", selector: "/Dockerfile", dest: "/df", output: "-1", readonly: true },
        { input: "-1", dest: "/t", mountType: "TMPFS", TmpfsOpt: { size: "1000000" } },
        {
          input: "-1",
          dest: "/run/secrets/sec",
          mountType: "SECRET",
          secretOpt: { ID: "sec", uid: 5, mode: 292, optional: true },
        },
        {
          input: "-1",
          dest: "/agent",
          mountType: "SSH",
          SSHOpt: { mode: 384, optional: true },
        },
      ],
      network: "NONE",
      secretenv: [{ ID: "e", name: "SEC", optional: true }],
    },
    platform: { Architecture: "amd64", OS: "linux" },
  },
  description: { "com.docker.dockerfile.v1.command": "RUN false" },
};

test("readSolveError() reads what BuildKit tells of a failed RUN", () => {
  const read = readSolveError(Buffer.from(JSON.stringify(TOLD)));
  expect(read).toMatchObject({
    command: "RUN false",
    meta: { args: ["/bin/sh", "-c", "false"], cwd: "/w", user: "" },
    inputIds: ["x::before", "", "x::context", "", "", ""],
    mountIds: ["x::after", "", "x::changed", "", "", ""],
    network: 2,
    security: 0,
    secretEnv: [{ id: "e", name: "SEC", isOptional: true }],
  });
  expect(read?.mounts.map(({ destination, type }) => [destination, type])).toEqual([
    ["/", 0],
    ["/c", 3],
    ["/df", 0],
    ["/t", 4],
    ["/run/secrets/sec", 1],
    ["/agent", 2],
  ]);
  expect(read?.mounts[1]?.cache).toEqual({ id: "/foo", sharing: 2 });
  expect(read?.mounts[2]).toMatchObject({ selector: "/Dockerfile", isReadOnly: true });
  expect(read?.mounts[3]?.tmpfs).toEqual({ sizeBytes: 1_000_000 });
  expect(read?.mounts[4]?.secret).toMatchObject({ id: "sec", uid: 5, mode: 0o444 });
  expect(read?.mounts[5]?.ssh).toMatchObject({ id: "", mode: 0o600, isOptional: true });
});

test("readSolveError() knows no other operation, and no broken detail", () => {
  const file = { ...TOLD, op: { file: { actions: [] } } };
  expect(readSolveError(Buffer.from(JSON.stringify(file)))).toBeUndefined();
  expect(readSolveError(Buffer.from("{"))).toBeUndefined();
  expect(readSolveError(Buffer.from("null"))).toBeUndefined();
});

test("writeSolveError() is read as it was meant", () => {
  const mount = {
    selector: "",
    destination: "/",
    isReadOnly: false,
    type: 0,
    tmpfs: undefined,
    cache: undefined,
    secret: undefined,
    ssh: undefined,
    resultId: "",
  };
  const error = {
    command: "RUN make",
    meta: { args: ["make"], env: ["A=b"], cwd: "/", user: "1" },
    mounts: [mount],
    inputIds: ["before"],
    mountIds: ["after"],
    network: 1,
    security: 1,
    secretEnv: [],
  };
  expect(readSolveError(writeSolveError(error))).toEqual(error);
});
