// Something does not work: the message names the reason, who it is, and what to do about it.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { readFileSync, writeFileSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

test("stop that takes the whole grace period: which program ignores which signal, once", async () => {
  const script = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
  for (const name of ["deaf", "mute"]) {
    await engine.mustWharf("run", "-d", "--name", name, "busybox", "sh", "-c", script);
  }
  const { stdout, stderr } = await engine.wharf(["stop", "-t", "1", "deaf"]);
  expect(stdout).toBe("deaf\n");
  expect(stderr).toBe(
    'WARNING: deaf: "sh" did not end on SIGTERM and was killed after 1 second; run it with --init, ' +
      "or name a signal that it obeys: --stop-signal\n",
  );
  expect(await engine.wharf(["stop", "-t", "0", "mute"])).toMatchObject({ stderr: "" });
});

test("killed for want of memory: the client of run says so, with the limit, also with --rm", async () => {
  const script = 'x=$(head -c 80m /dev/zero | tr "\\0" x)';
  const { exitCode, stderr } = await engine.wharf([
    ...["run", "--rm", "-m", "16m", "busybox", "sh", "-c", script],
  ]);
  expect(exitCode).toBe(137);
  expect(stderr).toContain("it wanted more than its limit of 16MiB of memory");
  const own = await engine.wharf(["run", "--rm", "busybox", "sh", "-c", "kill -9 $$; sleep 1"]);
  expect(own.stderr).toBe("");
});

test("a bind source that is not there: the nearest name with --mount, made with -v", async () => {
  mkdirSync(`${engine.root}/config`);
  writeFileSync(`${engine.root}/config/site.conf`, "");
  const { exitCode, stderr } = await engine.wharf([
    ...["run", "--rm", "--mount", `type=bind,src=${engine.root}/confg/site.conf,dst=/x`, "busybox"],
  ]);
  expect(exitCode).toBe(125);
  expect(stderr).toContain(
    `bind source path does not exist: ${engine.root}/confg/site.conf (did you mean ${engine.root}/config/site.conf?)`,
  );
  const made = ["-v", `${engine.root}/made:/x`, "busybox", "ls", "-d", "/x"];
  expect(await engine.mustWharf("run", "--rm", ...made)).toBe("/x");
});

test("a program that is not there: the one that was probably meant", async () => {
  for (const runtime of ["crun", "runc"]) {
    const { exitCode, stderr } = await engine.wharf([
      ...["run", "--rm", "--runtime", runtime, "busybox", "sleeep", "1"],
    ]);
    expect(exitCode).toBe(127);
    expect(stderr).toContain(
      'exec: "sleeep": executable file not found in $PATH: did you mean "sleep"?',
    );
  }
});

test("an image for another machine: refused before its program runs, unless it runs here", async () => {
  const program = readFileSync("/bin/busybox");
  mkdirSync(`${engine.root}/arm/bin`, { recursive: true });
  writeFileSync(`${engine.root}/arm/bin/native`, program, { mode: 0o755 });
  program.writeUInt16LE(183, 18); // EM_AARCH64
  writeFileSync(`${engine.root}/arm/bin/prog`, program, { mode: 0o755 });
  const archive = `${engine.root}/arm.tar`;
  Bun.spawnSync(["ln", "-s", "native", `${engine.root}/arm/bin/echo`]);
  Bun.spawnSync(["tar", "-C", `${engine.root}/arm`, "-cf", archive, "bin"]);
  await engine.mustWharf("import", "--platform", "linux/arm64", archive, "arm:1");
  const { exitCode, stdout, stderr } = await engine.wharf([
    "run",
    "--name",
    "arm",
    "arm:1",
    "prog",
  ]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 126, stdout: "" });
  expect(stderr).toContain(
    'exec: "prog": exec format error: image arm:1 is for linux/arm64 and its program for arm64, ' +
      "this host is linux/amd64 and has no emulator for it: take an image for linux/amd64",
  );
  expect(await engine.mustWharf("why", "arm")).toContain("exec format error");
  expect(await engine.mustWharf("run", "--rm", "arm:1", "echo", "runs")).toBe("runs");
});

test("a port that is taken: by which program or container, for tcp, udp, IPv6 and in ranges", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  const datagrams = createSocket("udp4").bind(0, "127.0.0.1");
  await Promise.all([once(server, "listening"), once(datagrams, "listening")]);
  const { port } = server.address() as { readonly port: number };
  const udp = datagrams.address().port;
  const refusal = async (...flags: readonly string[]): Promise<string> =>
    (await engine.wharf(["run", "--rm", ...flags, "busybox", "true"])).stderr;
  const here = `(pid ${process.pid})`;
  for (const text of [
    await refusal("-p", `127.0.0.1:${port}:80`),
    await refusal("-p", `127.0.0.1:${udp}:80/udp`),
    await refusal("-p", `127.0.0.1:${port}-${port + 1}:80-81`),
  ]) {
    expect(text).toContain("address already in use by");
    expect(text).toContain(here);
  }
  const id = await engine.mustWharf(
    "run",
    "-d",
    "--name",
    "holder",
    "-p",
    "[::1]::80",
    "busybox",
    "sleep",
    "100",
  );
  const [, taken = ""] = /\]:(\d+)/.exec(await engine.mustWharf("port", id)) ?? [];
  expect(await refusal("-p", `[::1]:${taken}:80`)).toContain('container "holder" publishes it');
  server.close();
  datagrams.close();
});

function once(emitter: NodeJS.EventEmitter, event: string): Promise<void> {
  return new Promise((resolve) => {
    emitter.once(event, () => resolve());
  });
}

test("a socket that one may not use: which group may, and how to join it", async () => {
  const shell = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
  const wharf = `${engine.root}/wharf`;
  Bun.spawnSync([
    "sh",
    "-ec",
    `chmod 711 ${engine.root}; cp dist/wharf ${wharf}; chmod 755 ${wharf}`,
  ]);
  const child = Bun.spawn([...shell, wharf, "ps"], {
    env: { ...engine.environment(), PATH: process.env["PATH"] ?? "" },
    stderr: "pipe",
  });
  const text = await new Response(child.stderr).text();
  expect(text).toContain("permission denied while trying to connect to the docker API");
  expect(text).toMatch(/Only root may use this socket|The group ".+" may: .*usermod -aG/);
  Bun.spawnSync(["rm", wharf]);
});
