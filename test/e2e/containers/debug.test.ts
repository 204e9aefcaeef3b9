// A container has no shell: its user looks into it with `wharf debug`, and it never notices.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { TerminalSession } from "../../harness/terminal.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
  await importDistroless();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

/** An image with one program, `/busybox`, and nothing else. */
async function importDistroless(): Promise<void> {
  const script = `
    mkdir "$0/bare" && cp /bin/busybox "$0/bare/busybox" && echo 'a setting' > "$0/bare/conf"
    tar -C "$0/bare" -cf "$0/bare.tar" busybox conf && rm -r "$0/bare"`;
  const child = Bun.spawn(["sh", "-ec", script, engine.root]);
  expect(await child.exited).toBe(0);
  await engine.mustWharf("import", `${engine.root}/bare.tar`, "bare");
}

const server = ["/busybox", "nc", "-ll", "-p", "7", "-e", "/busybox", "echo", "served"];

async function stateOf(name: string): Promise<object> {
  const json = JSON.parse(await engine.mustWharf("inspect", name)) as readonly {
    readonly State: { readonly Pid: number; readonly StartedAt: string; readonly Status: string };
    readonly RestartCount: number;
  }[];
  const [{ State, RestartCount } = { State: {}, RestartCount: -1 }] = json;
  return { State, RestartCount };
}

const idle = ["/busybox", "sleep", "1000"];

test("a running container: its processes, network and files, and nothing of it changes", async () => {
  await engine.mustWharf("run", "-d", "--name", "bare", "-h", "inside", "bare", ...server);
  const before = await stateOf("bare");
  const look = "ps -o args; cat /target/conf; hostname; netstat -ltn | grep -c :7 ";
  const { stdout, stderr, exitCode } = await engine.wharf(["debug", "bare", "sh", "-c", look]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toContain("/busybox nc -ll -p 7");
  expect(stdout).toEndWith("a setting\ninside\n1\n");
  expect(await engine.mustWharf("debug", "bare", "nc", "127.0.0.1", "7")).toBe("served");
  expect(await engine.mustWharf("diff", "bare")).toBe("");
  expect(before).toMatchObject({ RestartCount: 0 });
  await engine.mustWharf("rm", "-f", "bare");
});

test("confined targets: another user, read-only, no capability, own seccomp profile", async () => {
  const profile = `${engine.root}/seccomp.json`;
  await Bun.write(profile, '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[]}');
  const confined = [
    ...["--user", "1234:1234", "--read-only", "--cap-drop", "ALL", "--network", "none"],
    ...["--security-opt", "no-new-privileges", "--security-opt", `seccomp=${profile}`],
  ];
  await engine.mustWharf("run", "-d", "--name", "tight", ...confined, "bare", ...idle);
  const before = await stateOf("tight");
  expect(await engine.mustWharf("debug", "tight", "cat", "/target/conf")).toBe("a setting");
  const write = await engine.wharf(["debug", "tight", "touch", "/target/new"]);
  expect(write.exitCode).toBe(1);
  expect(write.stderr).toContain("Read-only file system");
  expect(await stateOf("tight")).toEqual(before);
  expect(await engine.mustWharf("diff", "tight")).toBe("");
});

test("exit codes, pipes, and a program that is not there", async () => {
  expect((await engine.wharf(["debug", "tight", "sh", "-c", "exit 42"])).exitCode).toBe(42);
  const piped = await engine.wharf(["debug", "tight"], { input: "echo $((6 * 7)); exit 3\n" });
  expect([piped.stdout, piped.exitCode]).toEqual(["42\n", 3]);
  const missing = await engine.wharf(["debug", "tight", "nothing-of-this-name"]);
  expect(missing.exitCode).toBe(127);
  const nobody = await engine.wharf(["debug", "nobody"]);
  expect(nobody.stderr).toContain("No such container: nobody");
  await noToolboxes();
});

test("a toolbox of one's own; namespaces of the host and of another container", async () => {
  const own = await engine.mustWharf("debug", "--image", "busybox", "tight", "cat", "/target/conf");
  expect(own).toBe("a setting");
  const joined = ["--pid", "container:tight", "--network", "container:tight"];
  await engine.mustWharf("run", "-d", "--name", "guest", ...joined, "busybox", "sleep", "1000");
  expect(await engine.mustWharf("debug", "guest", "ls", "/target/etc/hostname")).toBe(
    "/target/etc/hostname",
  );
  await engine.mustWharf(
    "run",
    "-d",
    "--name",
    "open",
    "--pid",
    "host",
    "--network",
    "host",
    "bare",
    ...idle,
  );
  expect(await engine.mustWharf("debug", "open", "cat", "/target/conf")).toBe("a setting");
  await engine.mustWharf("rm", "-f", "guest", "open");
});

test("a stopped container: a copy of its root, its volumes below it, both as it left them", async () => {
  const script = "echo written > /left; echo kept > /data/file; exit 9";
  const run = ["run", "--name", "over", "-v", "data:/data", "busybox", "sh", "-c", script];
  expect((await engine.wharf(run)).exitCode).toBe(9);
  const before = await stateOf("over");
  const look =
    "cat /target/left /target/data/file; echo x > /target/left; echo x > /target/data/file";
  const { stdout, stderr } = await engine.wharf(["debug", "over", "sh", "-c", look]);
  expect(stdout).toBe("written\nkept\n");
  expect(stderr).toContain("Read-only file system");
  expect(await stateOf("over")).toEqual(before);
  const again = await engine.mustWharf("debug", "over", "cat", "/target/left", "/target/data/file");
  expect(again).toBe("written\nkept");
  expect(await engine.mustWharf("images", "-q", "--filter", "label=wharf.debug.copy")).toBe("");
  await engine.mustWharf("rm", "-v", "over");
  await engine.mustWharf("volume", "rm", "data");
});

test("a client that is killed leaves no toolbox, nor does a target that ends", async () => {
  const { WHARF } = await import("../../harness/engine.ts");
  const start = (): Bun.Subprocess<"pipe", "pipe", "ignore"> =>
    Bun.spawn([WHARF, "debug", "tight", "sh", "-c", "echo in; cat"], {
      env: { ...process.env, ...engine.environment() },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "ignore",
    });
  const killed = start();
  await killed.stdout.getReader().read();
  killed.kill("SIGKILL");
  await killed.exited;
  await noToolboxes();
  const interrupted = start();
  await interrupted.stdout.getReader().read();
  interrupted.kill("SIGTERM");
  await interrupted.exited;
  await noToolboxes();
  const outlived = start();
  await outlived.stdout.getReader().read();
  await engine.mustWharf("rm", "-f", "tight");
  expect(await outlived.exited).toBe(137);
  await noToolboxes();
});

async function noToolboxes(): Promise<void> {
  await waitUntil("the toolboxes are gone", async () => {
    const left = await engine.mustWharf("ps", "-aq", "--filter", "label=wharf.debug");
    return left === "";
  });
}

test("a session on a terminal whose client is killed does not stay", async () => {
  await engine.mustWharf("run", "-d", "--name", "watched", "bare", ...idle);
  const toolboxes = () => engine.mustWharf("ps", "-aq", "--filter", "label=wharf.debug");
  {
    await using session = new TerminalSession([WHARF, "debug", "watched"], {
      env: engine.environment(),
    });
    session.type("echo $((6 * 7))\r");
    await session.expect("42");
    expect(await toolboxes()).not.toBe("");
  } // ends the client with SIGKILL
  await waitUntil("the toolbox is gone", async () => (await toolboxes()) === "");
  await using calm = new TerminalSession([WHARF, "debug", "watched", "true"], {
    env: engine.environment(),
  });
  expect(await calm.exited).toBe(0);
  await engine.mustWharf("rm", "-f", "watched");
});
