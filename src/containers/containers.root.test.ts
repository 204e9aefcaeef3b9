import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rejectionOf } from "#base/testing/rejection.ts";
import { parseExecConfig } from "#spec/engine-api/exec-config.ts";
import type { AttachStream } from "#runtime/runtime.ts";
import { NO_ABORT } from "./testing/harness.ts";
import {
  makeRealRoot,
  openRealEngine,
  type RealEngine,
  type RealRoot,
} from "./testing/real-engine.ts";

let root: RealRoot;
let engine: RealEngine;

beforeAll(async () => {
  root = makeRealRoot();
  engine = await openRealEngine(root);
});

afterAll(async () => {
  await engine.tearDown();
  root[Symbol.dispose]();
});

async function readAll(stream: AttachStream): Promise<string> {
  let text = "";
  for await (const { bytes } of stream.output()) text += new TextDecoder().decode(bytes);
  await stream[Symbol.asyncDispose]();
  return text;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Attach, wait, start, as `docker run` does. */
async function runAttached(
  body: Record<string, unknown>,
  input?: string,
): Promise<{ readonly output: string; readonly exitCode: number; readonly id: string }> {
  const id = await engine.create(body);
  const { stream } = await engine.containers.attach(id, NO_ABORT);
  const output = readAll(stream);
  const waiting = engine.containers.wait(id, "next-exit", NO_ABORT);
  await engine.containers.start(id, NO_ABORT);
  if (input !== undefined) {
    await stream.write(new TextEncoder().encode(input));
    stream.endInput();
  }
  const { exitCode } = await waiting;
  return { output: await output, exitCode, id };
}

async function removeAll(): Promise<void> {
  const all = await engine.containers.list({ all: true, withSizes: false, filters: new Map() });
  for (const { record } of all) {
    await engine.containers.remove(record.id, { force: true, volumes: true, link: false });
  }
}

describe("containers on the real kernel", () => {
  test("run: output, exit code, log; nothing is left after rm", async () => {
    const { output, exitCode, id } = await runAttached({
      Cmd: ["sh", "-c", "echo out; echo err >&2; exit 7"],
    });
    expect(output).toContain("out\n");
    expect(output).toContain("err\n");
    expect(exitCode).toBe(7);
    expect(await engine.logsOf(id)).toContain("out\n");
    await removeAll();
    expect(engine.leaks()).toEqual([]);
    expect(engine.warnings).toEqual([]);
  });

  test("stdin reaches the process and its end too", async () => {
    const { output } = await runAttached(
      { Cmd: ["cat"], OpenStdin: true, StdinOnce: true, AttachStdin: true },
      "hello\n",
    );
    expect(output).toBe("hello\n");
    await removeAll();
  });

  test("user, folder, host name, environment and files are set", async () => {
    const { output } = await runAttached({
      Cmd: ["sh", "-c", "id; pwd; hostname; cat /etc/hosts; echo $HOME $FOO"],
      User: "app",
      WorkingDir: "/made",
      Hostname: "box",
      Env: ["FOO=bar"],
      HostConfig: { ExtraHosts: ["db:10.1.2.3"] },
    });
    expect(output).toContain("uid=1000(app) gid=1000(app) groups=1000(app),1001(extra)");
    expect(output).toContain("/made\nbox\n");
    expect(output).toContain("10.1.2.3\tdb");
    expect(output).toMatch(/\d+\.\d+\.\d+\.\d+\tbox/);
    expect(output).toContain("/srv bar");
    await removeAll();
  });

  test("a volume is filled once and keeps what was written", async () => {
    const body = { HostConfig: { Binds: ["wt-data:/srv/data"] } };
    const first = await runAttached({
      ...body,
      Cmd: ["sh", "-c", "cat /srv/data/hello; echo mine > /srv/data/mine"],
    });
    expect(first.output).toBe("from the image\n");
    const second = await runAttached({ ...body, Cmd: ["cat", "/srv/data/mine"] });
    expect(second.output).toBe("mine\n");
    await removeAll();
  });

  test("a command that is not there: docker's words, code 127, nothing left", async () => {
    const id = await engine.create({ Cmd: ["nosuch"] });
    expect(await rejectionOf(engine.containers.start(id, NO_ABORT))).toContain(
      'exec: "nosuch": executable file not found in $PATH',
    );
    const { record } = await engine.containers.get(id);
    expect(record.state).toMatchObject({ status: "created", failure: { exitCode: 127 } });
    await removeAll();
    expect(engine.leaks()).toEqual([]);
  });

  test("exec: output, exit code, user, and a command that is not there", async () => {
    const id = await engine.run({ Cmd: ["sleep", "1000"] });
    const exec = async (config: Record<string, unknown>): Promise<[string, number | undefined]> => {
      const execId = await engine.containers.createExec(
        id,
        parseExecConfig({ AttachStdout: true, AttachStderr: true, ...config }),
      );
      const options = { detach: false, terminal: false };
      const { stream } = await engine.containers.startExec(execId, options, NO_ABORT);
      const output = stream ? await readAll(stream) : "";
      while (engine.containers.inspectExec(execId).status !== "exited") await nextTurn();
      return [output, engine.containers.inspectExec(execId).exitCode];
    };
    expect(await exec({ Cmd: ["sh", "-c", "echo hi; exit 3"] })).toEqual(["hi\n", 3]);
    const [who] = await exec({ Cmd: ["id"], User: "1000" });
    expect(who).toContain("uid=1000");
    expect(await rejectionOf(exec({ Cmd: ["nosuch"] }))).toContain("executable file not found");
    expect(await rejectionOf(exec({ Cmd: ["id"], User: "nobody-here" }))).toContain(
      "unable to find user nobody-here: no matching entries in passwd file",
    );
    await removeAll();
    expect(engine.leaks()).toEqual([]);
  });

  test("pause, top, stats, kill", async () => {
    const id = await engine.run({ Cmd: ["sleep", "1000"] });
    await engine.containers.pause(id);
    await engine.containers.unpause(id);
    // the start has let the process go; its execve comes a moment later
    const commands = async () =>
      (await engine.containers.top(id, "")).processes.map((fields) => fields.at(-1));
    while (!(await commands()).includes("sleep 1000")) await Bun.sleep(5);
    expect(await commands()).toEqual(["sleep 1000"]);
    expect((await engine.containers.top(id, "")).titles).toContain("PID");
    const stats = await engine.containers.stats(id);
    expect(stats.cgroup.pids?.current ?? 1).toBeGreaterThanOrEqual(1);
    expect(stats.networks["eth0"]).toBeDefined();
    await engine.containers.kill(id, "KILL");
    expect((await engine.containers.get(id)).record.state).toMatchObject({
      exit: { exitCode: 137 },
    });
    await removeAll();
  });

  test("stop of a shell that heeds SIGTERM, restart, --rm", async () => {
    const trap = ["sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.1; done"];
    // once it sleeps the trap is set
    const hasTrap = async (): Promise<void> => {
      while ((await engine.containers.top(id, "")).processes.length < 2) await nextTurn();
    };
    const id = await engine.run({ Cmd: trap, HostConfig: { AutoRemove: true } }, "trapped");
    await hasTrap();
    await engine.containers.restart("trapped", { timeoutSeconds: 5 });
    await hasTrap();
    const removed = engine.containers.wait(id, "removed", NO_ABORT);
    await engine.containers.stop("trapped", { timeoutSeconds: 5 });
    expect(await removed).toEqual({ exitCode: 5 });
    expect(() => engine.containers.resolve("trapped")).toThrow("No such container");
  });

  test("one more container in another's network and IPC", async () => {
    await engine.run({ Cmd: ["sleep", "1000"], HostConfig: { IpcMode: "shareable" } }, "donor");
    const { output } = await runAttached({
      Cmd: ["sh", "-c", "ip addr show eth0 | wc -l; touch /dev/shm/x; ls /dev/shm"],
      HostConfig: { NetworkMode: "container:donor", IpcMode: "container:donor" },
    });
    expect(output).toContain("x\n");
    expect(Number(output.split("\n")[0])).toBeGreaterThan(1);
    await removeAll();
    expect(engine.leaks()).toEqual([]);
  });

  test("the next engine takes over: runs on, exit codes read, policies run, attach works", async () => {
    await engine.run(
      { Cmd: ["sh", "-c", "while read x; do echo got $x; done; exit 4"], OpenStdin: true },
      "runs",
    );
    const short = await engine.run({ Cmd: ["sh", "-c", "sleep 0.3; exit 9"] }, "short");
    const { state } = (await engine.containers.get("short")).record;
    await engine.abandon();
    if (state.status === "running") await engine.host.processes.waitGone(state.supervisor);
    engine = await openRealEngine(root);
    expect((await engine.containers.get("short")).record.state).toMatchObject({
      status: "exited",
      exit: { exitCode: 9 },
    });
    expect(short).toBe(engine.containers.resolve("short"));
    const { stream } = await engine.containers.attach("runs", NO_ABORT);
    const iterator = stream.output()[Symbol.asyncIterator]();
    await stream.write(new TextEncoder().encode("me\n"));
    const { value } = await iterator.next();
    expect(new TextDecoder().decode(value?.bytes)).toBe("got me\n");
    await stream[Symbol.asyncDispose]();
    await removeAll();
    expect(engine.leaks()).toEqual([]);
    expect(engine.warnings).toEqual([]);
  });
});
