// Clients that know BuildKit but not the way of docker's newer ones: docker 20.10 (`POST /build?version=2` beside a session),
// and buildx with its remote driver, which speaks gRPC on the engine's socket from the first byte on.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addBuildx, hasBuildx } from "../../harness/build/buildx.ts";
import { type CommandResult, runCommand } from "../../harness/command.ts";
import { CACHE, startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const OLD_DOCKER = join(CACHE, "docker.io/usr/bin/docker");
const hasOldDocker =
  existsSync(OLD_DOCKER) &&
  Bun.spawnSync([OLD_DOCKER, "--version"]).stdout.toString().includes("version 20.10");

let engine: TestEngine;
let next = 1;

beforeAll(async () => {
  engine = await startEngine();
  addBuildx(engine);
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

function context(files: Readonly<Record<string, string>>): string {
  const folder = join(engine.root, `context-${next++}`);
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

function clientEnv(): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: engine.root,
    DOCKER_HOST: engine.host,
    DOCKER_CONFIG: join(engine.root, "client"),
    DOCKER_BUILDKIT: "1",
  };
}

async function oldBuild(args: readonly string[], input?: Uint8Array): Promise<CommandResult> {
  return await runCommand([OLD_DOCKER, "build", ...args], {
    env: clientEnv(),
    ...(input ? { input } : {}),
  });
}

/** A request of the API as a client without a library sends it. */
async function post(path: string, body?: Uint8Array): Promise<Response> {
  return await fetch(`http://wharf${path}`, {
    method: "POST",
    unix: engine.socket,
    ...(body ? { body: new Uint8Array(body) } : {}),
  });
}

const APP = {
  Dockerfile: [
    "FROM busybox",
    "ARG who",
    "RUN --mount=type=secret,id=word test $(cat /run/secrets/word) = hush && echo $who > /who",
    "COPY a /a",
    'CMD ["cat", "/who", "/a"]',
  ].join("\n"),
  a: "A\n",
  word: "hush",
};

describe.skipIf(!hasOldDocker)("docker 20.10, by BuildKit", () => {
  test("builds a folder with a secret, shows its progress, and takes the second from the cache", async () => {
    const folder = context(APP);
    const flags = ["--progress=plain", "-t", "old", "--build-arg", "who=you"];
    const secret = ["--secret", `id=word,src=${folder}/word`];
    const first = await oldBuild([...flags, ...secret, folder]);
    expect(first.stderr).toContain("[2/3] RUN --mount=type=secret,id=word");
    expect(first.stderr).toContain("naming to docker.io/library/old done");
    expect(first.exitCode).toBe(0);
    expect(await engine.mustDocker("run", "--rm", "old")).toBe("you\nA");
    const second = await oldBuild([...flags, ...secret, folder]);
    expect(second.stderr).toContain("CACHED");
    const quiet = await oldBuild(["-q", "--build-arg", "who=you", ...secret, folder]);
    expect(quiet.stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  }, 60_000);

  test("sends a context and a Dockerfile from standard input, and writes files out", async () => {
    const folder = context({ Dockerfile: "FROM busybox\nCOPY a /a\n", a: "from a tar\n" });
    const tar = Bun.spawnSync(["tar", "-C", folder, "-cf", "-", "."]).stdout;
    const sent = await oldBuild(["-t", "sent", "-"], tar);
    expect(sent.exitCode).toBe(0);
    expect(await engine.mustDocker("run", "--rm", "sent", "cat", "/a")).toBe("from a tar");
    const alone = await oldBuild(
      ["-t", "alone", "-"],
      Buffer.from("FROM busybox\nRUN echo 1 > /1\n"),
    );
    expect(alone.exitCode).toBe(0);
    const out = join(engine.root, "out");
    const written = await oldBuild(["-o", out, folder]);
    expect(written.exitCode).toBe(0);
    expect(readFileSync(join(out, "a"), "utf8")).toBe("from a tar\n");
  }, 60_000);

  test("is told what failed, and a build that it gives up ends", async () => {
    const failed = await oldBuild([
      context({ Dockerfile: "FROM busybox\nRUN echo oops; exit 3\n" }),
    ]);
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain(
      'process "/bin/sh -c echo oops; exit 3" did not complete successfully: exit code: 3',
    );
    const folder = context({ Dockerfile: "FROM busybox\nRUN sleep 987654\n" });
    const child = Bun.spawn([OLD_DOCKER, "build", folder], {
      env: clientEnv(),
      stdout: "ignore",
      stderr: "ignore",
    });
    const isRunning = async (): Promise<boolean> =>
      (await new Response(Bun.spawn(["ps", "-eo", "args"]).stdout).text()).includes(
        "sleep 987654\n",
      );
    await waitUntil("the step runs", isRunning);
    child.kill("SIGINT");
    await child.exited;
    await waitUntil("the step is gone", async () => !(await isRunning()));
  }, 60_000);
});

test("POST /build/cancel wants an id, and does nothing where there is no such build", async () => {
  const without = await post("/build/cancel");
  expect([without.status, ((await without.json()) as { message: string }).message]).toEqual([
    400,
    "build ID not provided",
  ]);
  expect((await post("/build/cancel?id=none")).status).toBe(200);
});

test("a build by version 2 whose session never comes, or of another version, is refused", async () => {
  const alone = await post("/build?version=2&remote=client-session&buildid=b1");
  expect(alone.status).toBeGreaterThanOrEqual(400);
  const other = await post("/build?version=7");
  expect([other.status, ((await other.json()) as { message: string }).message]).toEqual([
    400,
    "invalid version 7",
  ]);
}, 30_000);

describe.skipIf(!hasBuildx)("buildx with its remote driver", () => {
  test("builds over gRPC on the engine's socket, loads the image, and counts the cache", async () => {
    await engine.mustDocker(
      "buildx",
      "create",
      "--name",
      "direct",
      "--driver",
      "remote",
      engine.host,
    );
    const shown = await engine.mustDocker("buildx", "inspect", "direct");
    expect(shown).toContain("running");
    const folder = context(APP);
    const secret = ["--secret", `id=word,src=${folder}/word`];
    const flags = ["--builder", "direct", "--load", "-t", "direct", "--build-arg", "who=me"];
    const built = await engine.docker(["buildx", "build", ...flags, ...secret, folder]);
    expect(built.stderr).toContain("importing to docker");
    expect(built.exitCode).toBe(0);
    expect(await engine.mustDocker("run", "--rm", "direct")).toBe("me\nA");
    expect(await engine.mustDocker("buildx", "du", "--builder", "direct")).toContain("Reclaimable");
    const shownFolders = await engine.mustDocker(
      "buildx",
      "du",
      "--builder",
      "direct",
      "--verbose",
    );
    expect(shownFolders).toContain("local source for context");
    await engine.mustDocker("buildx", "prune", "--builder", "direct", "--force", "--all");
    expect(readdirSync(join(engine.root, "data/builder/locals"))).toEqual([]);
    await engine.mustDocker("buildx", "rm", "direct");
  }, 60_000);
});
