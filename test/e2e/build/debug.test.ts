// A step of a user's build fails, and they look into it: on a terminal, by a script, with docker's buildx.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { addBuildx, hasBuildx } from "../../harness/build/buildx.ts";
import { runCommand } from "../../harness/command.ts";
import { DOCKER, startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { processesNaming } from "../../harness/leaks.ts";
import { TerminalSession } from "../../harness/terminal.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
let next = 1;

beforeAll(async () => {
  engine = await startEngine();
  addBuildx(engine);
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

function folderOf(dockerfile: string, files: Readonly<Record<string, string>> = {}): string {
  const folder = join(engine.root, `context-${next++}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "Dockerfile"), dockerfile);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** What a failed step holds while somebody looks into it: mounts, its folder on the tmpfs, supervisors. */
function held(): readonly string[] {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.split(" ")[1]?.startsWith(`${engine.root}/data/`));
  const folder = join(engine.root, "run/builder");
  const own = existsSync(folder) ? readdirSync(folder) : [];
  const supervisors = processesNaming(engine.root).filter((line) => line.includes("conmon"));
  return [...mounts, ...own, ...supervisors];
}

async function nothingHeld(): Promise<void> {
  await waitUntil("nothing of the failed step is left", () => held().length === 0, 20_000);
}

/** A shell's prompt comes in pieces; a line of the test's own tells that it reads. */
async function answered(session: TerminalSession, command: string, answer: string): Promise<void> {
  session.type(`${command}\n`);
  await session.expect(answer, 20_000);
}

test("on a terminal a shell stands where the step ran, and its command can be tried again", async () => {
  const folder = folderOf(
    [
      "FROM busybox",
      "RUN echo builder:x:1234:1234::/tmp:/bin/sh >> /etc/passwd; mkdir -m 777 /work",
      "USER builder",
      "WORKDIR /work",
      "ENV COLOUR=blue",
      "RUN --mount=type=cache,target=/cache,mode=0777,sharing=locked --mount=type=secret,id=token,uid=1234 \\",
      "  --mount=type=secret,id=token,env=TOKEN --mount=target=/context --network=none \\",
      "  echo left > /work/left; echo warm > /cache/warm; exit 42",
      "",
    ].join("\n"),
    { source: "from the context\n", "token.txt": "s3cret" },
  );
  const words = ["build", "--debug", "--secret", `id=token,src=${join(folder, "token.txt")}`];
  await using session = new TerminalSession([WHARF, ...words, "-t", "never", folder], {
    env: engine.environment(),
    columns: 132,
    rows: 40,
  });
  await session.expect("did not complete successfully: exit code: 42\r\nA shell where", 30_000);
  await session.expect("echo left > /work/left; echo warm > /cache/warm; exit 42\r\n\r\n");
  await answered(
    session,
    'echo "I am $(id -un) in $(pwd) with $COLOUR"',
    "I am builder in /work with blue",
  );
  await answered(session, "stty size", "40 132");
  await answered(session, "echo cache=$(cat /cache/warm)", "cache=warm");
  await answered(session, "echo $(cat /run/secrets/token)+$TOKEN", "s3cret+s3cret");
  await answered(session, "echo $(cat /context/source)", "from the context");
  await answered(session, "echo links: $(ls /sys/class/net | tr '\\n' ' ').", "links: lo .");
  await answered(session, "ls left || echo gone=$?", "gone=1");
  await answered(session, '(eval "$WHARF_STEP"); echo again=$?', "again=42");
  await answered(session, "ls /work; echo listed", "left\r\nlisted");
  session.resize(100, 30);
  // a Ctrl-D that comes before the shell reads keys would be lost
  await answered(session, "sleep 0; stty size", "30 100\r\n/work $ ");
  session.type("\u0004");
  expect(await session.exited).toBe(1);
  expect(session.screen).toContain("ERROR: failed to build: failed to solve: process");
  await nothingHeld();
  expect((await engine.wharf(["image", "inspect", "never"])).exitCode).toBe(1);
}, 60_000);

test("--debug=after shows what the step left; commands come by a pipe, output goes where it belongs", async () => {
  const folder = folderOf("FROM busybox\nRUN echo half > /half && exit 3\n");
  const run = await engine.wharf(["build", "--debug=after", folder], {
    input: "cat /half; echo to stderr >&2; exit 9\n",
  });
  expect(run).toMatchObject({ exitCode: 1, stdout: "half\n" });
  expect(run.stderr).toContain("to stderr\n");
  expect(run.stderr).toContain("with the files as it left them");
  const before = await engine.wharf(["build", "--debug", folder], { input: "cat /half\n" });
  expect(before).toMatchObject({ exitCode: 1, stdout: "" });
  expect(before.stderr).toContain("can't open '/half'");
  await nothingHeld();
}, 60_000);

test("without a terminal and without commands it says what to do, and ends", async () => {
  const folder = folderOf("FROM busybox\nRUN false\n");
  const run = await engine.wharf(["build", "--debug", folder], { input: "" });
  expect(run.exitCode).toBe(1);
  expect(run.stderr).toContain(
    'Cannot open a shell where "RUN false" failed: standard input is no terminal, and has no commands.',
  );
  await nothingHeld();
}, 60_000);

test("a step whose command is not there can be looked into; a root without a shell is told of", async () => {
  const folder = folderOf('FROM busybox\nRUN ["/nowhere", "it\'s"]\n');
  const run = await engine.wharf(["build", "--debug", folder], { input: "echo in here\n" });
  expect(run).toMatchObject({ exitCode: 1, stdout: "in here\n" });
  expect(run.stderr).toContain("    /nowhere 'it'\\''s'\n");
  const bare = folderOf('FROM scratch\nCOPY Dockerfile /\nRUN ["/nowhere"]\n');
  const none = await engine.wharf(["build", "--debug", bare], { input: "echo in here\n" });
  expect(none).toMatchObject({ exitCode: 1, stdout: "" });
  expect(none.stderr).toContain("Cannot open /bin/sh where the step failed: ");
  await nothingHeld();
}, 60_000);

test("a build that succeeds, or whose file is wrong, is as without --debug", async () => {
  const good = folderOf("FROM busybox\nRUN echo fine > /fine\n");
  await engine.mustWharf("build", "--debug", "-q", "-t", "good", good);
  expect(await engine.mustWharf("run", "--rm", "good", "cat", "/fine")).toBe("fine");
  const wrong = await engine.wharf(["build", "--debug", folderOf("FROM busybox\nRUNN x\n")]);
  expect(wrong.exitCode).toBe(1);
  expect(wrong.stderr).toContain("unknown instruction: RUNN");
  for (const [words, reason] of [
    [["--why"], "--why is for a build that nobody looks into"],
    [["--check"], "--check and --call build nothing"],
    [["-f", "-"], "the shell needs standard input"],
    [["-o", "-"], "the shell needs standard output"],
  ] as const) {
    const refused = await engine.wharf(["build", "--debug", ...words, good], { input: "" });
    expect(refused.stderr).toContain(`Cannot build with --debug: ${reason}`);
  }
  const classic = await engine.wharf(["build", "--debug", good], { env: { DOCKER_BUILDKIT: "0" } });
  expect(classic.stderr).toContain("Cannot build with --debug: it needs BuildKit");
}, 60_000);

test("key files make an agent for the step, and for the shell where it failed", async () => {
  const keys = resolve("src/build-client/ssh/testdata");
  const folder = folderOf("FROM busybox\nRUN --mount=type=ssh,id=two test -z $SSH_AUTH_SOCK\n");
  const wish = `two=${join(keys, "ed25519")},${join(keys, "rsa")}`;
  await using session = new TerminalSession([WHARF, "build", "--debug", "--ssh", wish, folder], {
    env: engine.environment(),
  });
  await session.expect("exit code: 1\r\nA shell where", 30_000);
  await answered(session, "test -S $SSH_AUTH_SOCK && echo socket=$((6*7))", "socket=42");
  const run = join(engine.root, "run/builder");
  const sockets = readdirSync(run, { recursive: true, withFileTypes: true }).filter((one) =>
    one.isSocket(),
  );
  expect(sockets).toHaveLength(1);
  const path = join(sockets[0]?.parentPath ?? "", sockets[0]?.name ?? "");
  const answer = await identitiesOf(path);
  expect(answer).toContain("c ed25519");
  expect(answer).toContain("c rsab2048");
  if (Bun.which("ssh-add")) {
    const tried = await runCommand(
      ["ssh-add", "-T", join(keys, "ed25519.pub"), join(keys, "rsa.pub")],
      { env: { SSH_AUTH_SOCK: path } },
    );
    expect(tried.exitCode).toBe(0);
  }
  session.type("exit\n");
  expect(await session.exited).toBe(1);
  const locked = `default=${join(keys, "ed25519-passphrase")}`;
  const refused = await engine.wharf(["build", "--ssh", locked, folder]);
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain("ssh: this private key is passphrase protected: add it to an");
  await nothingHeld();
}, 60_000);

/** What an agent answers to whoever asks for its keys. */
async function identitiesOf(path: string): Promise<string> {
  const { promise, resolve: tell } = Promise.withResolvers<string>();
  const socket = connect(path, () => socket.write(Buffer.from([0, 0, 0, 1, 11])));
  let answer = Buffer.alloc(0);
  socket.on("data", (bytes) => {
    answer = Buffer.concat([answer, Buffer.from(bytes)]);
    if (answer.length >= 4 && answer.length >= 4 + answer.readUInt32BE()) {
      tell(answer.toString("latin1"));
    }
  });
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

test("while one looks into a step, other stages have ended and other builds go on", async () => {
  const folder = folderOf(
    [
      "FROM busybox AS slow",
      "RUN echo begun; sleep 613",
      "FROM busybox",
      "COPY --from=slow /etc/passwd /",
      "FROM busybox AS failing",
      "RUN --mount=type=cache,target=/c,sharing=locked test ! -e /stop && sleep 1; exit 5",
      "FROM busybox",
      "COPY --from=failing /etc/passwd /one",
      "COPY --from=slow /etc/passwd /two",
      "",
    ].join("\n"),
  );
  await using session = new TerminalSession([WHARF, "build", "--debug", folder], {
    env: engine.environment(),
  });
  await session.expect("exit code: 5\r\nA shell where", 30_000);
  await answered(session, "echo reading=$((6*7))", "reading=42");
  await waitUntil("the other stage is over", () => {
    const { stdout } = Bun.spawnSync(["ps", "-eo", "args"]);
    return !stdout.toString().includes("sleep 613");
  });
  // the same step in another build is done, and fails, by itself
  const other = folderOf("FROM busybox AS failing\nRUN exit 5\n");
  await using second = new TerminalSession([WHARF, "build", "--debug", other], {
    env: engine.environment(),
  });
  await second.expect("exit code: 5\r\nA shell where", 30_000);
  const third = await engine.wharf(["build", other]);
  expect(third.exitCode).toBe(1);
  expect(third.stderr).toContain("exit code: 5");
  session.type("exit\n");
  expect(await session.exited).toBe(1);
  await answered(second, "echo still=$((6*7))", "still=42");
  second.type("exit\n");
  expect(await second.exited).toBe(1);
  await nothingHeld();
}, 60_000);

test("a client that is killed in the shell leaves nothing on the engine", async () => {
  const folder = folderOf("FROM busybox\nRUN --mount=type=cache,target=/c,sharing=locked exit 6\n");
  await using session = new TerminalSession([WHARF, "build", "--debug", folder], {
    env: engine.environment(),
  });
  await session.expect("exit code: 6\r\nA shell where", 30_000);
  await answered(session, "echo reading=$((6*7)); (sleep 614 &)", "reading=42");
  expect(held().length).toBeGreaterThan(0);
  await session[Symbol.asyncDispose]();
  await nothingHeld();
  // its lock is free again
  expect((await engine.wharf(["build", folder])).stderr).toContain("exit code: 6");
}, 60_000);

test("an engine that is killed under the shell ends it, and the next one clears it away", async () => {
  const folder = folderOf("FROM busybox\nRUN exit 8\n");
  await using session = new TerminalSession([WHARF, "build", "--debug", folder], {
    env: engine.environment(),
  });
  await session.expect("exit code: 8\r\nA shell where", 30_000);
  await answered(session, "echo reading=$((6*7))", "reading=42");
  await engine.crash();
  expect(await session.exited).toBe(1);
  await engine.start();
  await nothingHeld();
}, 60_000);

test("an engine that is stopped under the shell takes all of it with it", async () => {
  const folder = folderOf("FROM busybox\nRUN exit 8\n");
  await using session = new TerminalSession([WHARF, "build", "--debug", folder], {
    env: engine.environment(),
  });
  await session.expect("exit code: 8\r\nA shell where", 30_000);
  await answered(session, "echo reading=$((6*7))", "reading=42");
  await engine.stop();
  expect(await session.exited).toBe(1);
  await nothingHeld();
  await engine.start();
}, 60_000);

test.skipIf(!hasBuildx)(
  "a target that takes files from one that fails, fails with the same",
  async () => {
    const folder = folderOf("FROM busybox\nRUN exit 3\n", {
      "docker-bake.hcl": [
        'target "one" { context = "." }',
        'target "two" {',
        '  context = "."',
        '  contexts = { base = "target:one" }',
        '  dockerfile-inline = "FROM base\\nRUN true\\n"',
        "}",
        "",
      ].join("\n"),
    });
    const baked = await engine.docker(["buildx", "bake", "two"], { cwd: folder });
    expect(baked.exitCode).toBe(1);
    expect(baked.stderr).toContain("   2 | >>> RUN exit 3");
    expect(baked.stderr).toContain(
      'ERROR: target two: failed to solve: process "/bin/sh -c exit 3"',
    );
    await nothingHeld();
  },
  60_000,
);

test.skipIf(!hasBuildx)(
  "docker buildx debug build --invoke opens its own shell there",
  async () => {
    const folder = folderOf("FROM busybox\nENV COLOUR=red\nRUN echo half > /half; exit 4\n");
    const words = ["buildx", "debug", "--invoke", "/bin/sh", "--on", "error", "build", folder];
    await using session = new TerminalSession([DOCKER, ...words], {
      env: { ...engine.environment(), BUILDX_EXPERIMENTAL: "1" },
    });
    await session.expect("Launching interactive container", 30_000);
    await answered(session, "\necho left=$(cat /half) $COLOUR.", "left=half red.");
    session.type("exit 3\n");
    await session.expect("(buildx)", 20_000);
    session.type("exit\n");
    expect(await session.exited).toBe(1);
    expect(session.screen).toContain("exit code: 4");
    await nothingHeld();
  },
  60_000,
);
