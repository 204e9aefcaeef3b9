// A user builds with the docker CLI as it was before BuildKit (DOCKER_BUILDKIT=0): the classic API.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { hasDockerCli, startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
let next = 1;

beforeAll(async () => {
  engine = await startEngine();
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

/** Makes a context. @returns Its path. */
function context(files: Readonly<Record<string, string>>): string {
  const folder = join(engine.root, `context-${next++}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

const PLATFORM = `linux/${process.arch === "x64" ? "amd64" : process.arch}`;
const CLASSIC = { env: { DOCKER_BUILDKIT: "0" } };

async function build(
  files: Readonly<Record<string, string>>,
  ...flags: readonly string[]
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  return await engine.docker(["build", ...flags, context(files)], CLASSIC);
}

describe.skipIf(!hasDockerCli)("docker build, classic", () => {
  test("an image is built, runs, and a second build takes all from the cache", async () => {
    const files = {
      Dockerfile: [
        "FROM busybox",
        "ARG who=nobody",
        "RUN echo hello $who > /hello",
        "COPY a b/ /files/",
        "ENV color=red",
        "WORKDIR /work",
        'CMD ["cat", "/hello", "/files/a", "/files/c"]',
      ].join("\n"),
      a: "A\n",
      "b/c": "C\n",
      "b/ignored": "no\n",
      ".dockerignore": "**/ignored\n",
    };
    const first = await build(files, "-t", "app", "--build-arg", "who=you");
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toContain("Step 1/7 : FROM busybox");
    expect(first.stdout).toContain("Successfully tagged app:latest");
    const ran = await engine.docker(["run", "--rm", "app"]);
    expect(ran.stdout).toBe("hello you\nA\nC\n");
    const id = (await engine.docker(["images", "-q", "--no-trunc", "app"])).stdout;
    const second = await build(files, "-q", "--build-arg", "who=you");
    expect(second.stdout).toBe(id);
    const inspected = await engine.docker(["inspect", "-f", "{{json .Config}}", "app"]);
    expect(JSON.parse(inspected.stdout)).toMatchObject({ WorkingDir: "/work" });
    const listed = await engine.docker(["run", "--rm", "app", "ls", "/files"]);
    expect(listed.stdout).toBe("a\nc\n");
  }, 60_000);

  test("stages, cache mounts, heredocs and the flags of newer Dockerfiles work", async () => {
    const built = await build(
      {
        Dockerfile: [
          "FROM busybox AS base",
          "RUN --mount=type=cache,target=/cache echo kept >> /cache/file",
          "FROM base AS unneeded",
          "RUN exit 9",
          "FROM busybox",
          "COPY --from=base --chown=12:34 --chmod=640 /etc/passwd /p",
          "COPY <<EOF /text",
          "for $PATH",
          "EOF",
          "RUN --mount=type=cache,target=/cache --network=none <<EOF",
          "cat /cache/file > /kept",
          "ls -n /p > /owner",
          "EOF",
        ].join("\n"),
      },
      "-t",
      "stages",
    );
    expect(built.stderr + built.stdout).toContain("Successfully tagged stages:latest");
    const shown = await engine.docker(["run", "--rm", "stages", "cat", "/kept", "/owner", "/text"]);
    expect(shown.stdout).toMatch(/^kept\n-rw-r-----.* 12 +34 .*\nfor \/usr.*\n$/);
  }, 60_000);

  test("a step that fails says so with its code, and the steps before it stay cached", async () => {
    const failing = { Dockerfile: "FROM busybox\nRUN date +%N > /now\nRUN echo oops; exit 3\n" };
    const first = await build(failing);
    expect(first.exitCode).toBe(3);
    expect(first.stdout).toContain("oops");
    expect(first.stderr).toContain(
      "The command '/bin/sh -c echo oops; exit 3' returned a non-zero code: 3",
    );
    const second = await build({ Dockerfile: "FROM busybox\nRUN date +%N > /now\nRUN true\n" });
    expect(second.stdout).toContain("Using cache");
    const missing = await build({ Dockerfile: "FROM busybox\nCOPY nothing /\n" });
    expect(missing.stderr).toContain('"/nothing": not found');
    const wrong = await build({ Dockerfile: "FROM busybox\nCOPPY a /\n" });
    expect(wrong.stderr).toContain("unknown instruction: COPPY (did you mean COPY?)");
  }, 60_000);

  test("remote files and repositories are fetched, and checked", async () => {
    const served = context({ file: "remote\n" });
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) =>
        new URL(request.url).pathname === "/file"
          ? new Response(Bun.file(join(served, "file")))
          : new Response("none", { status: 404 }),
    });
    const url = `http://127.0.0.1:${server.port}/file`;
    const digest = new Bun.CryptoHasher("sha256").update("remote\n").digest("hex");
    const built = await build(
      {
        Dockerfile: `FROM busybox\nADD --checksum=sha256:${digest} ${url} /got/\nRUN ls -l /got/file; cat /got/file\n`,
      },
      "--no-cache",
    );
    expect(built.stdout).toMatch(/-rw------- .*\nremote\n/);
    const wrong = await build({
      Dockerfile: `FROM busybox\nADD --checksum=sha256:${"0".repeat(64)} ${url} /got/\n`,
    });
    expect(wrong.stderr).toContain("digest mismatch");
    const remote = await engine.wharf(["build", "-q", url.replace("/file", "/Dockerfile")]);
    expect(remote.stderr).toContain("invalid response status 404");
  }, 60_000);

  test("an engine that is killed in a step leaves nothing, and keeps the steps before it", async () => {
    const folder = context({
      Dockerfile: "FROM busybox\nRUN echo one > /one\nRUN echo started; sleep 600\n",
    });
    const client = Bun.spawn(["docker", "-H", engine.host, "build", folder], {
      env: { ...process.env, DOCKER_BUILDKIT: "0" },
      stdout: "pipe",
      stderr: "ignore",
    });
    const decoder = new TextDecoder();
    let output = "";
    for await (const chunk of client.stdout) {
      output += decoder.decode(chunk, { stream: true });
      if (output.includes("started")) break;
    }
    expect(output).toContain("started");
    await engine.crash();
    await client.exited;
    await engine.start();
    rmSync(folder, { recursive: true });
    const again = await build({ Dockerfile: "FROM busybox\nRUN echo one > /one\n" });
    expect(again.stdout).toContain("Using cache");
    const checked = await engine.wharf(["system", "check"]);
    expect(checked.stdout).not.toMatch(/^(?:process|layer|mount|cgroup|namespace|link) /m);
  }, 60_000);

  test("limits, hosts and platform are the steps'; what cannot be told apart here is taken", async () => {
    const limit = (older: string, newer: string): string =>
      `cat /sys/fs/cgroup/${older} 2>/dev/null || cat /sys/fs/cgroup/${newer}`;
    const files = {
      Dockerfile: [
        "FROM busybox",
        `RUN ${limit("memory/memory.limit_in_bytes", "memory.max")}`,
        `RUN ${limit("cpu/cpu.cfs_quota_us", "cpu.max")}`,
        `RUN ${limit("cpuset/cpuset.cpus", "cpuset.cpus")}`,
        "RUN grep elsewhere /etc/hosts; uname -m",
      ].join("\n"),
    };
    const built = await build(
      files,
      ...["--memory", "64m", "--memory-swap", "128m", "--cpu-period", "50000"],
      ...[
        "--cpu-quota",
        "25000",
        "--cpu-shares",
        "512",
        "--cpuset-cpus",
        "0",
        "--cpuset-mems",
        "0",
      ],
      ...["--add-host", "elsewhere:192.0.2.7", "--platform", PLATFORM, "--isolation", "default"],
      ...["--rm=false", "--force-rm", "--compress", "--pull=false", "--cgroup-parent", ""],
    );
    expect(built).toMatchObject({ exitCode: 0 });
    expect(built.stdout).toContain("\n67108864\n");
    expect(built.stdout).toMatch(/\n25000(?: 50000)?\n/);
    expect(built.stdout).toMatch(/\n0\n/);
    expect(built.stdout).toContain("192.0.2.7\telsewhere\n");
    expect(await engine.mustDocker("ps", "-aq")).toBe("");
    const refused = await build(files, "--security-opt", "label=disable");
    expect([refused.exitCode, refused.stderr]).toEqual([
      1,
      expect.stringContaining("security options"),
    ]);
  });

  test("the cache is pruned down to what is asked for", async () => {
    await build({ Dockerfile: "FROM busybox\nRUN head -c 3000000 /dev/urandom > /x\n" });
    const pruned = async (limits: string): Promise<number> => {
      const response = await engine.api("POST", `/build/prune?all=1&${limits}`);
      return ((await response.json()) as { SpaceReclaimed: number }).SpaceReclaimed;
    };
    expect(await pruned("min-free-space=1")).toBe(0);
    expect(await pruned("max-used-space=1000000000&min-free-space=1")).toBe(0);
    expect(await pruned("max-used-space=1&reserved-space=1000000000")).toBe(0);
    await engine.mustDocker("image", "prune", "-f");
    expect(await pruned("max-used-space=1")).toBeGreaterThanOrEqual(3_000_000);
  });
});

describe("the build cache", () => {
  test("is counted, pruned by age and size, and images outlive it", async () => {
    const text = "FROM busybox\nRUN echo kept > /kept; head -c 3000000 /dev/zero > /zeros\n";
    const folder = context({ Dockerfile: text });
    await engine.mustWharf("build", "-q", "-t", "kept", folder);
    const mount = "RUN --mount=type=cache,target=/m,id=big head -c 2000000 /dev/zero > /m/z";
    const other = context({
      Dockerfile: `FROM busybox\nRUN head -c 1000000 /dev/zero > /z\n${mount}\n`,
    });
    await engine.mustWharf("build", "-q", other);
    await engine.mustWharf("image", "prune", "-f");
    const usage = await engine.mustWharf("system", "df", "--format", "{{.Type}} {{.TotalCount}}");
    expect(usage).toMatch(/Build Cache [1-9]/);
    await engine.mustWharf("builder", "prune", "-f", "--filter", "until=1h");
    const kept = await engine.mustWharf("builder", "prune", "-f", "--keep-storage", "1g");
    expect(kept).toBe("Total reclaimed space: 0B");
    const pruned = await engine.mustWharf("builder", "prune", "-af");
    expect(pruned).toMatch(/Total reclaimed space: [3-9](?:\.\d+)?MB/);
    expect(await engine.mustWharf("run", "--rm", "kept", "cat", "/kept")).toBe("kept");
    const again = await engine.wharf(["build", folder]);
    expect(again.stdout).not.toContain("Using cache");
  }, 60_000);
});

describe("wharf build", () => {
  test("builds in the folder itself, from standard input, and by another file", async () => {
    const folder = context({
      Dockerfile: "FROM busybox\nCOPY . /all\n",
      other: "FROM busybox\nCOPY a /other\n",
      a: "A\n",
      "no/b": "B\n",
      ".dockerignore": "no\nDockerfile\n",
    });
    const built = await engine.wharf(["build", "-t", "ours", folder]);
    expect(built.stderr).toContain("naming to docker.io/library/ours:latest done");
    const listed = await engine.mustWharf("run", "--rm", "ours", "ls", "-A", "/all");
    expect(listed.split("\n")).toEqual([".dockerignore", "a", "other"]);
    const id = join(engine.root, "id");
    await engine.mustWharf("build", "-q", "-f", join(folder, "other"), "--iidfile", id, folder);
    const typed = await engine.wharf(["build", "-q", "-f", "-", folder], {
      input: "FROM busybox\nCOPY a /other\n",
    });
    expect(typed.exitCode).toBe(0);
    const alone = await engine.wharf(["build", "-"], { input: "FROM busybox\nRUN echo alone\n" });
    expect(alone.stderr).toMatch(/^#\d+ [\d.]+ alone$/m);
    const missing = await engine.wharf(["build", join(folder, "nowhere")]);
    expect(missing.stderr).toContain("not found");
  }, 60_000);

  test("limits, networks, hosts and labels reach the steps and the image", async () => {
    const folder = context({
      Dockerfile: [
        "FROM busybox AS first",
        "ARG V",
        "RUN echo v=$V; ulimit -n; grep example /etc/hosts; df -k /dev/shm | tail -1; ls /sys/class/net",
        "FROM first AS second",
        "RUN echo second",
      ].join("\n"),
    });
    const flags = ["--ulimit", "nofile=100:200", "--add-host", "example:192.0.2.1"];
    const more = ["--shm-size", "2m", "--network", "none", "--label", "a=b", "--target", "first"];
    const args = ["build", ...flags, ...more, "--no-cache", "-t", "limited", folder];
    const built = await engine.wharf([...args, "--build-arg", "V"], { env: { V: "from-env" } });
    const said = built.stderr.replaceAll(/^#\d+ [\d.]+ /gm, "");
    expect(said).toContain("v=from-env\n100\n192.0.2.1\texample\n");
    expect(said).toMatch(/shm +2048 /);
    expect(said).toMatch(/\nlo\n/);
    expect(said).not.toContain("second");
    expect(await engine.mustWharf("inspect", "-f", "{{.Config.Labels}}", "limited")).toBe(
      "map[a:b]",
    );
  }, 60_000);

  test("steps run on the network that is named, with its names, and leave it when the build has ended", async () => {
    await engine.mustWharf("network", "create", "steps");
    await engine.mustWharf(
      "run",
      "-d",
      "--name",
      "beside",
      "--network",
      "steps",
      "busybox",
      "sleep",
      "1000",
    );
    const text = "FROM busybox\nRUN ping -c 1 beside\nRUN ping -c 1 beside > /pinged\n";
    const folder = context({ Dockerfile: text });
    const built = await engine.wharf(["build", "--no-cache", "--network", "steps", folder]);
    expect(built.stderr).toContain("1 packets received");
    expect(built.exitCode).toBe(0);
    await engine.mustWharf("rm", "-f", "beside");
    const removed = async (): Promise<boolean> =>
      (await engine.wharf(["network", "rm", "steps"])).exitCode === 0;
    await waitUntil("the network is nobody's", removed);
  }, 60_000);

  test("says that images are no source of the cache yet", async () => {
    const { exitCode, stdout } = await build(
      { Dockerfile: "FROM busybox" },
      "--cache-from",
      "busybox",
    );
    expect(exitCode).toBe(0);
    expect(stdout).toContain("[Warning] --cache-from is not used yet");
  });
});
