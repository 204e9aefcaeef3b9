// A user freezes a container to disk and goes on from there. Where this host's criu cannot, it says so. The way
// through engine, conmon and runtime is tried with a criu and a runtime that pretend: what is restored is a new
// process, everything around it is real.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasDockerCli, startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

/** runc, whose `checkpoint` keeps the pid and kills, and whose `restore` runs the bundle anew. */
const RUNTIME = `#!/bin/sh
image= leave= words=
for word; do last=$word; done
case " $* " in
*" checkpoint "*)
  while [ $# -gt 0 ]; do
    case $1 in
    --image-path) image=$2; shift ;;
    --work-path) shift ;;
    --leave-running) leave=1 ;;
    --root=*) root=$1 ;;
    esac
    shift
  done
  echo pages >"$image/pages-1.img" || exit 1
  [ -n "$leave" ] || exec runc "$root" kill "$last" KILL
  ;;
*" restore "*)
  for word; do
    shift
    case $word in
    --image-path|--work-path) skip=1 ;;
    restore) set -- "$@" run ;;
    *) if [ -n "$skip" ]; then [ -z "$image" ] && image=$word; skip=; else set -- "$@" "$word"; fi ;;
    esac
  done
  [ -e "$image/pages-1.img" ] || { echo "no image" >&2; exit 1; }
  exec runc "$@"
  ;;
*) exec runc "$@" ;;
esac
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync("/var/tmp/wharf-e2e-criu-");
  writeFileSync(join(folder, "frunc"), RUNTIME, { mode: 0o755 });
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin/criu"), "#!/bin/sh\nexit 0\n", { mode: 0o755 });
  mkdirSync(join(folder, "broken"));
  writeFileSync(
    join(folder, "broken/criu"),
    "#!/bin/sh\necho 'Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds' >&2\nexit 1\n",
    { mode: 0o755 },
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("with a criu that works", () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine({
      flags: ["--experimental", "--add-runtime", `frunc=${join(folder, "frunc")}`],
      env: { PATH: `${join(folder, "bin")}:${process.env["PATH"]}` },
    });
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  const run = (name: string, ...args: string[]) =>
    engine.mustDocker("run", "-d", "--runtime", "frunc", "--name", name, ...args);
  const status = (name: string) => engine.mustDocker("inspect", "-f", "{{.State.Status}}", name);

  test("create, ls, start --checkpoint and rm, as in docker's tour", async () => {
    await run(
      "web",
      "-p",
      "127.0.0.1::80",
      "busybox",
      "sh",
      "-c",
      "echo here; exec httpd -f -h /bin",
    );
    expect(await engine.mustDocker("checkpoint", "create", "--leave-running", "web", "first")).toBe(
      "first",
    );
    expect(await status("web")).toBe("running");
    expect(await engine.mustDocker("checkpoint", "create", "web", "second")).toBe("second");
    await engine.mustDocker("wait", "web");
    expect(await status("web")).toBe("exited");
    expect(await engine.mustDocker("checkpoint", "ls", "web")).toBe(
      "CHECKPOINT NAME\nfirst\nsecond",
    );
    expect(await engine.mustDocker("start", "--checkpoint", "second", "web")).toBe("");
    expect(await status("web")).toBe("running");
    const port = (await engine.mustDocker("port", "web", "80")).split(":").at(-1);
    await waitUntil("what was restored answers", () =>
      fetch(`http://127.0.0.1:${port}/sh`).then(
        (response) => response.ok,
        () => false,
      ),
    );
    expect(await engine.mustDocker("checkpoint", "rm", "web", "first")).toBe("");
    expect(await engine.mustDocker("checkpoint", "ls", "web")).toBe("CHECKPOINT NAME\nsecond");
    const events = await engine.mustDocker(
      ...["events", "--since", "0", "--until", (Date.now() / 1000).toFixed(3)],
      ...["--filter", "event=checkpoint", "--format", "{{.Actor.Attributes.name}}"],
    );
    expect(events).toBe("web\nweb");
  });

  test("kill -9 of the engine under a restored container: it is taken over", async () => {
    const pid = await engine.mustDocker("inspect", "-f", "{{.State.Pid}}", "web");
    await engine.crash();
    await engine.start();
    expect(
      await engine.mustDocker("inspect", "-f", "{{.State.Status}} {{.State.Pid}}", "web"),
    ).toBe(`running ${pid}`);
    expect(await engine.mustDocker("exec", "web", "echo", "inside")).toBe("inside");
    await engine.mustDocker("rm", "-f", "web");
  });

  test("a folder of one's own, from which another container goes on", async () => {
    const directory = join(folder, "kept");
    await run("from", "busybox", "sleep", "1000");
    const where = ["--checkpoint-dir", directory];
    await engine.mustDocker("checkpoint", "create", ...where, "from", "moved");
    expect(existsSync(join(directory, "moved/pages-1.img"))).toBe(true);
    await engine.mustDocker(
      "create",
      "--runtime",
      "frunc",
      "--name",
      "to",
      "busybox",
      "sleep",
      "1",
    );
    expect(await engine.mustDocker("checkpoint", "ls", ...where, "to")).toContain("moved");
    await engine.mustWharf("start", ...where, "--checkpoint", "moved", "to");
    await engine.mustWharf("checkpoint", "rm", ...where, "to", "moved");
    expect(existsSync(join(directory, "moved"))).toBe(false);
    await engine.mustDocker("rm", "-f", "from", "to");
  });

  test("refusals name what is wrong and change nothing", async () => {
    await run("plain", "busybox", "sleep", "1000");
    const refused = async (...args: string[]) => (await engine.docker(args)).stderr.trim();
    expect(await refused("checkpoint", "create", "plain", "-x")).toContain("shorthand");
    expect(await refused("checkpoint", "create", "plain", "a/b")).toContain(
      "Invalid checkpoint ID (a/b)",
    );
    expect(await refused("checkpoint", "create", "none", "one")).toContain(
      "No such container: none",
    );
    expect(await refused("checkpoint", "rm", "plain", "one")).toContain(
      "checkpoint one does not exist for container plain",
    );
    await engine.mustDocker("checkpoint", "create", "--leave-running", "plain", "one");
    expect(await refused("checkpoint", "create", "plain", "one")).toContain(
      "checkpoint with name one already exists for container plain",
    );
    await engine.mustDocker("stop", "-t", "0", "plain");
    expect(await refused("checkpoint", "create", "plain", "two")).toContain("is not running");
    expect(await refused("start", "--checkpoint", "two", "plain")).toContain(
      "checkpoint two does not exist for container plain",
    );
  });
});

test.each([
  ["broken", "criu check failed: Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds"],
  ["nothing", "criu is not installed"],
])("a host whose criu is %s says so, and the container runs on", async (which, reason) => {
  const real = (process.env["PATH"] ?? "")
    .split(":")
    .filter((part) => !existsSync(join(part, "criu")));
  await using engine = await startEngine({
    flags: ["--experimental", "--default-runtime", "runc"],
    env: { PATH: [join(folder, which), ...real].join(":") },
  });
  await engine.mustDocker("run", "-d", "--name", "web", "busybox", "sleep", "1000");
  const { stderr, exitCode } = await engine.docker(["checkpoint", "create", "web", "one"]);
  expect([stderr.trim(), exitCode]).toEqual([
    `Error response from daemon: Cannot checkpoint container web: ${reason}`,
    1,
  ]);
  expect(await engine.mustDocker("inspect", "-f", "{{.State.Status}}", "web")).toBe("running");
  expect(await engine.mustDocker("checkpoint", "ls", "web")).toBe("CHECKPOINT NAME");
});

test.skipIf(!hasDockerCli)("without --experimental client and engine say so", async () => {
  await using engine = await startEngine();
  await engine.mustDocker("create", "--name", "web", "busybox");
  const { stderr } = await engine.docker(["checkpoint", "ls", "web"]);
  expect(stderr).toContain("only supported on a Docker daemon with experimental features enabled");
  const answer = await engine.api("GET", "/containers/web/checkpoints");
  expect([answer.status, await answer.json()]).toMatchObject([
    501,
    {
      message:
        "This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to enable it.",
    },
  ]);
  const start = await engine.api("POST", "/containers/web/start?checkpoint=one");
  expect([start.status, await start.json()]).toMatchObject([
    400,
    { message: "checkpoint is only supported in experimental mode" },
  ]);
});
