import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { ConflictError, messageOf } from "#base/errors.ts";
import type { Process, Seccomp } from "#spec/oci-runtime.ts";
import { CommandNotFoundError, CommandNotInvocableError, RuntimeRefusedError } from "./errors.ts";
import type { AttachStream } from "./runtime.ts";
import { makeProcess, makeSpec, openFixture, type RuntimeFixture } from "./testing/fixture.ts";

const never = new AbortController().signal;

describe.each(["crun", "runc"] as const)("ConmonRuntime with %s", (runtimeName) => {
  test("create(), start() and the exit, with the log written", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime } = fixture;
    const running = await runtime.create(
      fixture.request("c1", "echo out; echo err >&2; exit 7"),
      never,
    );
    expect(fixture.host.processes.isAlive(running.process)).toBe(true);
    expect(await runtime.adopt("c1")).toMatchObject({ status: "created" });
    const startedMs = Date.now();
    await runtime.start("c1");
    const exit = await running.exited;
    expect(exit).toMatchObject({ exitCode: 7, oomKilled: false });
    expect(Math.abs(exit.finishedMs - startedMs)).toBeLessThan(2000);
    const log = readFileSync(fixture.logFile("c1"), "utf8");
    expect(log).toMatch(/ stdout F out\n/);
    expect(log).toMatch(/ stderr F err\n/);
    await runtime.delete("c1", { force: false });
    expect(leftovers(fixture, "c1")).toEqual([]);
  });

  test("start() a second time is a conflict, and state stays right for the runtime", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime } = fixture;
    await runtime.create(fixture.request("c1", "sleep 100"), never);
    await runtime.start("c1");
    expect(await rejection(runtime.start("c1"))).toBeInstanceOf(ConflictError);
    await runtime.pause("c1");
    expect(await runtime.adopt("c1")).toMatchObject({ status: "running", paused: true });
    await runtime.resume("c1");
    expect(await runtime.adopt("c1")).toMatchObject({ status: "running", paused: false });
    await runtime.update("c1", { pids: { limit: 17 } });
    expect(runtime.pids("c1").length).toBeGreaterThan(0);
    expect(await rejection(runtime.delete("c1", { force: false }))).toBeInstanceOf(ConflictError);
    await runtime.pause("c1");
    await runtime.delete("c1", { force: true });
    expect(leftovers(fixture, "c1")).toEqual([]);
  });

  test("seccomp rules hold for the first container that has them and for the next", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime } = fixture;
    for (const id of ["c1", "c2"]) {
      const spec = makeSpec(fixture.stateDir, id, ["sh", "-c", "mkdir /denied || exit 3"]);
      const seccomp: Seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 1 }],
      };
      const changes = { spec: { ...spec, linux: { ...spec.linux, seccomp } } };
      const running = await runtime.create(fixture.request(id, "", changes), never);
      await runtime.start(id);
      expect(await running.exited).toMatchObject({ exitCode: 3 });
    }
  });

  test("create() ends with what spec() throws and leaves nothing", async () => {
    await using fixture = await openFixture({ runtimeName });
    const spec = (): Promise<never> => Promise.reject(new ConflictError("no room"));
    const request = { ...fixture.request("c1", ""), spec };
    expect(messageOf(await rejection(fixture.runtime.create(request, never)))).toBe("no room");
    expect(leftovers(fixture, "c1")).toEqual([]);
  });

  test("kill() reaches the first process, and tells when it is gone", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime } = fixture;
    const running = await runtime.create(fixture.request("c1", "sleep 100"), never);
    await runtime.start("c1");
    expect(runtime.kill("c1", 9)).toBe(true);
    expect(await running.exited).toMatchObject({ exitCode: 137, oomKilled: false });
    expect(runtime.kill("c1", 9)).toBe(false);
  });

  test("a conmon that is killed ends the container with 137", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime, host } = fixture;
    const running = await runtime.create(fixture.request("c1", "sleep 100"), never);
    await runtime.start("c1");
    host.processes.kill(running.supervisor, 9);
    expect(await running.exited).toMatchObject({ exitCode: 137 });
    await host.processes.waitGone(running.process);
    await runtime.delete("c1", { force: false });
    expect(leftovers(fixture, "c1")).toEqual([]);
  });

  test("an out-of-memory kill gives 137 and oomKilled", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime } = fixture;
    const script = "exec tail /dev/zero";
    const spec = makeSpec(fixture.stateDir, "c1", ["sh", "-c", script]);
    const linux = {
      ...spec.linux,
      resources: {
        memory: { limit: 16 << 20, swap: 16 << 20 },
        devices: [{ allow: true, access: "rwm" }],
      },
      devices: [{ type: "c", path: "/dev/zero", major: 1, minor: 5, fileMode: 0o666 } as const],
    };
    const running = await runtime.create(
      fixture.request("c1", script, { spec: { ...spec, linux } }),
      never,
    );
    await runtime.start("c1");
    expect(await running.exited).toMatchObject({ exitCode: 137, oomKilled: true });
  });

  test("create() refuses with Docker's words and leaves nothing", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime, stateDir } = fixture;
    const prefix = `failed to create task for container: failed to create shim task: OCI runtime create failed: ${runtimeName} create failed: unable to start container process: `;
    const bad = (id: string, change: (spec: ReturnType<typeof makeSpec>) => object) => {
      const spec = makeSpec(stateDir, id, ["sh"]);
      return runtime.create(fixture.request(id, "", { spec: { ...spec, ...change(spec) } }), never);
    };
    const missing = bad("m1", () => ({ process: makeProcess(["foo"]) }));
    expect(await rejection(missing)).toBeInstanceOf(CommandNotFoundError);
    expect(messageOf(await rejection(missing))).toMatch(
      /exec: "foo": executable file not found in \$PATH$/,
    );
    expect(messageOf(await rejection(missing))).toStartWith(prefix);
    const absolute = bad("m2", () => ({ process: makeProcess(["/foo"]) }));
    expect(await rejection(absolute)).toBeInstanceOf(CommandNotFoundError);
    expect(messageOf(await rejection(absolute))).toMatch(
      /exec: "\/foo": stat \/foo: no such file or directory$/,
    );
    const folder = bad("m3", () => ({ process: makeProcess(["/bin"]) }));
    expect(await rejection(folder)).toBeInstanceOf(CommandNotInvocableError);
    expect(messageOf(await rejection(folder))).toMatch(/exec: "\/bin": .*permission denied$/);
    const mount = bad("m4", (spec) => ({
      mounts: [
        ...spec.mounts,
        { destination: "/x", type: "bind", source: "/no/such", options: ["bind"] },
      ],
    }));
    expect(messageOf(await rejection(mount))).toMatch(/\/no\/such/);
    const file = bad("m5", (spec) => ({
      mounts: [
        ...spec.mounts,
        { destination: "/bin", type: "bind", source: "/etc/passwd", options: ["bind"] },
      ],
    }));
    expect(messageOf(await rejection(file))).toMatch(
      /Are you trying to mount a directory onto a file/,
    );
    const limit = bad("m6", (spec) => ({
      linux: { ...spec.linux, resources: { cpu: { cpus: "99" } } },
    }));
    expect(await rejection(limit)).toBeInstanceOf(RuntimeRefusedError);
    expect(runtime.list()).toEqual([]);
    for (const id of ["m1", "m2", "m3", "m4", "m5", "m6"])
      expect(leftovers(fixture, id)).toEqual([]);
  });

  test("create() that is aborted leaves nothing", async () => {
    await using fixture = await openFixture({ runtimeName });
    const abort = new AbortController();
    const creating = fixture.runtime.create(fixture.request("c1", "sleep 100"), abort.signal);
    abort.abort();
    expect(await rejection(creating)).toBeDefined();
    expect(leftovers(fixture, "c1")).toEqual([]);
  });

  test("attach(): 8 MiB in, half-close, all of it out again, both streams apart", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime } = fixture;
    const request = fixture.request("c1", "echo ready >&2; exec cat", {
      openStdin: true,
      stdinOnce: true,
    });
    const running = await runtime.create({ ...request, logTarget: "none" }, never);
    await using attached = await runtime.attach("c1");
    await runtime.start("c1");
    const input = new Uint8Array(8 << 20).map((_, index) => (index * 31) % 251);
    const [output] = await Promise.all([readAll(attached), feed(attached, input)]);
    expect(output.stderr.toString()).toBe("ready\n");
    expect(Buffer.compare(output.stdout, input)).toBe(0);
    expect(await running.exited).toMatchObject({ exitCode: 0 });
    expect(await rejection(runtime.attach("c1"))).toBeInstanceOf(ConflictError);
  });

  test("a client without stdin that leaves keeps a stdinOnce container's stdin open", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime } = fixture;
    const request = fixture.request("c1", "exec cat", { openStdin: true, stdinOnce: true });
    const running = await runtime.create(request, never);
    const watcher = await runtime.attach("c1", { outputOnly: true });
    await using attached = await runtime.attach("c1");
    await runtime.start("c1");
    await watcher[Symbol.asyncDispose]();
    const [output] = await Promise.all([
      readAll(attached),
      feed(attached, Buffer.from("still here\n")),
    ]);
    expect(output.stdout.toString()).toBe("still here\n");
    expect(await running.exited).toMatchObject({ exitCode: 0 });
  });

  test("a terminal: size, input after a detach", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime } = fixture;
    const script =
      "trap 'stty size' WINCH; echo ready; read word; echo got $word; while :; do read x; done";
    const spec = makeSpec(fixture.stateDir, "c1", ["sh", "-c", script]);
    const request = fixture.request("c1", "", {
      terminal: true,
      openStdin: true,
      stdinOnce: true,
      spec: { ...spec, process: { ...makeProcess(["sh", "-c", script]), terminal: true } },
    });
    await runtime.create(request, never);
    const first = await runtime.attach("c1");
    await runtime.start("c1");
    await readUntil(first, "ready");
    await first[Symbol.asyncDispose]();
    await using second = await runtime.attach("c1");
    await second.write(Buffer.from("hello\n"));
    await readUntil(second, "got hello");
    await runtime.resize("c1", { columns: 1234, rows: 56 });
    await readUntil(second, "56 1234");
  });

  test("exec(): attached from the first byte, exit codes, errors", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime } = fixture;
    await runtime.create(fixture.request("c1", "sleep 100"), never);
    await runtime.start("c1");
    const exec = (execId: string, args: readonly string[], attach = true) =>
      runtime.exec(
        {
          containerId: "c1",
          execId,
          process: () => makeProcess(args),
          attach,
          terminal: false,
          openStdin: false,
        },
        never,
      );
    const first = await exec("e1", ["sh", "-c", "echo fast; exit 5"]);
    await using stdio = first.stdio;
    expect(stdio && (await readAll(stdio)).stdout.toString()).toBe("fast\n");
    expect(await first.exited).toMatchObject({ exitCode: 5 });
    const second = await exec("e2", ["sleep", "100"], false);
    expect(second.stdio).toBeUndefined();
    expect(runtime.kill("e2", 15)).toBe(true);
    expect(await second.exited).toMatchObject({ exitCode: 143 });
    const missing = exec("e3", ["foo"]);
    expect(await rejection(missing)).toBeInstanceOf(CommandNotFoundError);
    expect(messageOf(await rejection(missing))).toMatch(
      /^OCI runtime exec failed: exec failed: unable to start container process: exec: "foo": executable file not found in \$PATH$/,
    );
    const folder = exec("e4", ["/bin"], false);
    expect(await rejection(folder)).toBeInstanceOf(CommandNotInvocableError);
    await runtime.delete("e1", { force: false });
    await runtime.delete("e2", { force: false });
    expect(runtime.list()).toEqual(["c1"]);
  });

  test("exec() waits to be told of the process, and leaves nothing when nobody tells", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime } = fixture;
    await runtime.create(fixture.request("c1", "sleep 100"), never);
    await runtime.start("c1");
    const exec = (execId: string, process: Promise<Process>) =>
      runtime.exec(
        {
          containerId: "c1",
          execId,
          process: () => process,
          attach: true,
          terminal: false,
          openStdin: false,
        },
        never,
      );
    const told = Promise.withResolvers<Process>();
    const running = exec("e1", told.promise);
    const rejected = rejection(exec("e2", Promise.reject(new ConflictError("nobody asked"))));
    expect(messageOf(await rejected)).toBe("nobody asked");
    expect(leftovers(fixture, "e2")).toEqual([]);
    told.resolve(makeProcess(["sh", "-c", "echo told"]));
    await using stdio = (await running).stdio;
    expect(stdio && (await readAll(stdio)).stdout.toString()).toBe("told\n");
    expect(await (await running).exited).toMatchObject({ exitCode: 0 });
  });

  test("exec() with stdin: half-close ends it", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime } = fixture;
    await runtime.create(fixture.request("c1", "sleep 100"), never);
    await runtime.start("c1");
    const started = await runtime.exec(
      {
        containerId: "c1",
        execId: "e1",
        process: () => makeProcess(["wc", "-c"]),
        attach: true,
        terminal: false,
        openStdin: true,
      },
      never,
    );
    await using stdio = started.stdio;
    if (stdio === undefined) throw new Error("not attached");
    const [output] = await Promise.all([readAll(stdio), feed(stdio, new Uint8Array(1 << 20))]);
    expect(output.stdout.toString()).toBe(`${1 << 20}\n`);
    expect(await started.exited).toMatchObject({ exitCode: 0 });
  });

  test("reopenLog() goes on in a new file and loses nothing", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime } = fixture;
    const request = fixture.request("c1", "while read line; do echo $line; done", {
      openStdin: true,
      stdinOnce: true,
    });
    const running = await runtime.create(request, never);
    await using attached = await runtime.attach("c1");
    await runtime.start("c1");
    await attached.write(Buffer.from("one\n"));
    await readUntil(attached, "one");
    const path = fixture.logFile("c1");
    renameSync(path, `${path}.1`);
    runtime.reopenLog("c1");
    while (!existsSync(path)) await new Promise((resolve) => setImmediate(resolve));
    await attached.write(Buffer.from("two\n"));
    attached.endInput();
    await running.exited;
    expect(readFileSync(`${path}.1`, "utf8")).toMatch(/ F one\n$/);
    expect(readFileSync(path, "utf8")).toMatch(/ F two\n$/);
  });
});

function leftovers(fixture: RuntimeFixture, id: string): readonly string[] {
  const runtimes = join(fixture.stateDir, "runtimes");
  return [
    ...readdirSync(join(fixture.stateDir, "processes")).filter((name) => name === id),
    ...readdirSync(join(fixture.stateDir, "tty")),
    ...readdirSync(runtimes).flatMap((name) =>
      readdirSync(join(runtimes, name)).filter((entry) => entry === id),
    ),
    ...(fixture.host.cgroups.exists(fixture.request(id, "").cgroupPath) ? ["cgroup"] : []),
  ];
}

async function feed(stream: AttachStream, input: Uint8Array): Promise<void> {
  await stream.write(input);
  stream.endInput();
}

async function readAll(stream: AttachStream): Promise<{ stdout: Buffer; stderr: Buffer }> {
  const chunks: Record<"stdout" | "stderr", Uint8Array[]> = { stdout: [], stderr: [] };
  for await (const { stream: name, bytes } of stream.output()) chunks[name].push(bytes);
  return { stdout: Buffer.concat(chunks.stdout), stderr: Buffer.concat(chunks.stderr) };
}

async function readUntil(stream: AttachStream, text: string): Promise<void> {
  let seen = "";
  const output = stream.output()[Symbol.asyncIterator]();
  while (!seen.includes(text)) {
    const { done, value } = await output.next();
    if (done === true) throw new Error(`ended before "${text}": ${seen}`);
    seen += Buffer.from(value.bytes).toString();
  }
}

function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}
