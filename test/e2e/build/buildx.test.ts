// A user builds with the docker CLI as it comes: by BuildKit's protocol, through the plugin buildx.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createServer } from "node:net";
import { DockerRegistry } from "../../harness/registry/docker-registry.ts";
import { waitUntil } from "../../harness/wait-until.ts";
import { addBuildx, hasBuildx } from "../../harness/build/buildx.ts";
import type { CommandResult } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
let next = 1;

beforeAll(async () => {
  if (!hasBuildx) return;
  engine = await startEngine();
  addBuildx(engine);
});

afterAll(async () => {
  if (hasBuildx) await engine[Symbol.asyncDispose]();
});

/** Makes a context. @returns Its path. */
function context(files: Readonly<Record<string, string>>): string {
  const folder = join(engine.root, `context-${next++}`);
  write(folder, files);
  return folder;
}

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

/** Command lines of all that runs on this host. */
async function processes(): Promise<string> {
  return await new Response(Bun.spawn(["ps", "-eo", "args"]).stdout).text();
}

async function build(folder: string, ...flags: readonly string[]): Promise<CommandResult> {
  return await engine.docker(["build", "--progress=plain", ...flags, folder]);
}

describe.skipIf(!hasBuildx)("docker build, by BuildKit", () => {
  test("an image is built and runs; only what changed is sent and built again", async () => {
    const folder = context({
      Dockerfile: [
        "# syntax=docker/dockerfile:1",
        "FROM busybox",
        "ARG who=nobody",
        "RUN echo hello $who > /hello",
        "COPY a b/ /files/",
        'CMD ["cat", "/hello", "/files/a", "/files/c"]',
      ].join("\n"),
      a: "A\n",
      "b/c": "C\n",
      "b/ignored": "no\n",
      ".dockerignore": "**/ignored\n",
    });
    const flags = ["-t", "app", "--build-arg", "who=you", "--label", "a=b"];
    const first = await build(folder, ...flags);
    expect(first.stderr).toContain("naming to docker.io/library/app done");
    expect(first.exitCode).toBe(0);
    const ran = await engine.mustDocker("run", "--rm", "app");
    expect(ran).toBe("hello you\nA\nC");
    expect(await engine.mustDocker("run", "--rm", "app", "ls", "/files")).toBe("a\nc");
    const second = await build(folder, ...flags);
    expect(second.stderr).toContain("CACHED");
    expect(second.stderr).toContain("transferring context: done");
    write(folder, { "b/c": "changed\n" });
    await build(folder, ...flags);
    expect(await engine.mustDocker("run", "--rm", "app")).toBe("hello you\nA\nchanged");
  }, 60_000);

  test("what fails is shown with the lines of the Dockerfile", async () => {
    const failing = await build(context({ Dockerfile: "FROM busybox\nRUN echo oops; exit 3\n" }));
    expect(failing.exitCode).toBe(1);
    expect(failing.stderr).toContain("oops");
    expect(failing.stderr).toContain("   2 | >>> RUN echo oops; exit 3");
    expect(failing.stderr).toContain(
      'failed to solve: process "/bin/sh -c echo oops; exit 3" did not complete successfully: exit code: 3',
    );
    const wrong = await build(context({ Dockerfile: "FROM busybox\nRUNN a\n" }));
    expect(wrong.stderr).toContain(
      "failed to solve: dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)",
    );
  }, 60_000);

  test("secrets, cache mounts and named contexts reach the steps, and a secret nothing else", async () => {
    const folder = context({
      Dockerfile: [
        "FROM busybox",
        "RUN --mount=type=secret,id=word,env=WORD cat /run/secrets/word > /dev/null; echo ${#WORD} > /length",
        "RUN --mount=type=cache,target=/cache echo kept >> /cache/file; cat /cache/file > /cached",
        "COPY --from=more /extra /extra",
        "RUN cat /length /cached /extra",
      ].join("\n"),
      word: "xyzzy-plugh",
    });
    const more = context({ extra: "more\n" });
    const flags = [
      "--secret",
      `id=word,src=${join(folder, "word")}`,
      "--build-context",
      `more=${more}`,
    ];
    const built = await build(folder, ...flags, "-t", "mounts");
    expect(built.exitCode).toBe(0);
    expect(
      await engine.mustDocker("run", "--rm", "mounts", "cat", "/length", "/cached", "/extra"),
    ).toBe("11\nkept\nmore");
    const saved = await engine.docker(["save", "mounts"]);
    expect(saved.stdout).not.toContain("xyzzy-plugh");
  }, 60_000);

  test("archives and registries get the image", async () => {
    await using registry = await DockerRegistry.start();
    const folder = context({ Dockerfile: "FROM busybox\nRUN echo pushed > /pushed\n" });
    const name = `${registry.address}/some/app:1`;
    const pushed = await build(folder, "-t", name, "--push", "--metadata-file", `${folder}.json`);
    expect(pushed.stderr).toContain(`pushing ${name}`);
    expect(pushed.exitCode).toBe(0);
    const manifest = await registry.manifest("some/app", "1");
    const digest = `sha256:${new Bun.CryptoHasher("sha256").update(manifest).digest("hex")}`;
    expect(JSON.parse(readFileSync(`${folder}.json`, "utf8"))).toMatchObject({
      "containerimage.digest": digest,
    });
    const archive = join(engine.root, "image.tar");
    for (const type of ["docker", "oci"]) {
      const to = `type=${type},dest=${archive},name=archived-${type},annotation.one=two`;
      expect((await build(folder, "--output", to)).exitCode).toBe(0);
      await engine.mustDocker("load", "-i", archive);
      const shown = await engine.mustDocker("run", "--rm", `archived-${type}`, "cat", "/pushed");
      expect(shown).toBe("pushed");
    }
    const refused = await build(folder, "--output", "type=image,name=x,compression=estargz");
    expect(refused.stderr).toContain('Cannot pack layers by "estargz": there are gzip, zstd');
  }, 60_000);

  test("a cache in a registry serves an engine that has none, also inline", async () => {
    await using registry = await DockerRegistry.start();
    const folder = context({
      Dockerfile: [
        "FROM busybox AS first",
        "RUN date +%s%N > /first",
        "RUN rm -f /bin/ar; mkdir /d; echo x > /d/e; chown 12:34 /d/e",
        "FROM busybox",
        "COPY --from=first /first /d/ /",
        "RUN date +%s%N > /second",
      ].join("\n"),
    });
    const read = async (name: string): Promise<string> =>
      await engine.mustDocker("run", "--rm", name, "cat", "/first", "/second");
    const ref = `${registry.address}/some/cache`;
    const exported = await build(
      folder,
      "-t",
      "one",
      `--cache-to=type=registry,ref=${ref},mode=max`,
    );
    expect(exported.stderr).toContain("exporting cache to registry");
    expect(exported.exitCode).toBe(0);
    const first = await read("one");
    await engine.mustDocker("rmi", "one");
    await engine.mustDocker("builder", "prune", "-af");
    const imported = await build(folder, "-t", "two", `--cache-from=type=registry,ref=${ref}`);
    expect(imported.stderr.match(/CACHED/g)?.length).toBe(4);
    expect(await read("two")).toBe(first);
    // inline: the image is the cache
    const name = `${registry.address}/some/image`;
    const inline = await build(folder, "-t", name, "--push", "--cache-to=type=inline");
    expect(inline.exitCode).toBe(0);
    await engine.mustDocker("rmi", name, "two");
    await engine.mustDocker("builder", "prune", "-af");
    const again = await build(folder, "-t", "three", `--cache-from=${name}`);
    expect(again.stderr).toMatch(/importing cache manifest from .*some\/image/);
    expect(again.exitCode).toBe(0);
    const missing = await build(folder, `--cache-from=${registry.address}/no/such`);
    expect(missing.exitCode).toBe(0);
    expect(missing.stderr).toMatch(/importing cache manifest from .*no\/such/);
    const kept = `${folder}.cache`;
    await build(folder, `--cache-to=type=local,dest=${kept},mode=max,compression=zstd`);
    await engine.mustDocker("builder", "prune", "-af");
    const local = await build(folder, `--cache-from=type=local,src=${kept}`);
    expect(local.stderr.match(/CACHED/g)?.length).toBe(4);
    const refused = await build(folder, "--cache-from=type=azblob,name=x");
    expect(refused.stderr).toContain("Cannot share the cache by type=azblob");
  }, 90_000);

  test("arguments and targets of a file are told as docker tells them", async () => {
    const folder = context({
      Dockerfile:
        "# base is first\nFROM scratch AS base\n# who is greeted\nARG who=nobody\nFROM base\n",
    });
    const call = async (...flags: readonly string[]): Promise<string> =>
      (await build(folder, ...flags)).stdout;
    expect(await call("--call=outline")).toBe(
      "BUILD ARG   VALUE    DESCRIPTION\nwho         nobody   is greeted\n\n",
    );
    expect(await call("--call=targets")).toBe(
      "TARGET    DESCRIPTION\nbase      is first\n(default) \n",
    );
    expect(await call("--call=subrequests.describe")).toContain("outline");
    const outline = JSON.parse(await call("--call=outline,format=json", "--build-arg", "who=me"));
    expect(outline.args).toMatchObject([{ name: "who", value: "me" }]);
  }, 60_000);

  test("builds are remembered: listed, looked into, their logs read, removed", async () => {
    const folder = context({ Dockerfile: "FROM busybox\nRUN echo remembered\n" });
    const metadata = join(engine.root, "remembered.json");
    await build(folder, "--metadata-file", metadata);
    const written = JSON.parse(readFileSync(metadata, "utf8")) as Record<string, unknown>;
    expect(written["buildx.build.provenance"]).toMatchObject({
      buildType: "https://mobyproject.org/buildkit@v1",
    });
    const ref = String(written["buildx.build.ref"]).split("/").at(-1) ?? "";
    const failing = await build(context({ Dockerfile: "FROM busybox\nRUN exit 5\n" }));
    expect(failing.exitCode).toBe(1);
    const history = async (...args: readonly string[]): Promise<CommandResult> =>
      await engine.docker(["buildx", "history", ...args]);
    expect((await history("ls")).stdout).toMatch(new RegExp(`${ref} .* Completed`));
    expect((await history("ls", "--filter", "status=error")).stdout).not.toContain(ref);
    const logs = await history("logs", "--progress=plain", ref);
    expect(logs.stderr + logs.stdout).toContain("RUN echo remembered");
    const shown = JSON.parse((await history("inspect", "--format", "json", ref)).stdout);
    expect(shown).toMatchObject({
      Status: "completed",
      Attachments: [{ Type: "https://slsa.dev/provenance/v0.2" }],
    });
    const stated = await history("inspect", "attachment", "--type", "provenance", ref);
    expect(stated.stdout).toContain("pkg:docker/busybox");
    expect((await history("rm", ref)).exitCode).toBe(0);
    expect((await history("ls")).stdout).not.toContain(ref);
    expect((await history("rm", ref)).exitCode).not.toBe(0);
  }, 60_000);

  test("limits, hosts, networks and targets are as asked", async () => {
    const folder = context({
      Dockerfile: [
        "FROM busybox AS wanted",
        "RUN grep '1.2.3.4.*some-host' /etc/hosts && ulimit -n && df -m /dev/shm && ls /sys/class/net",
        "FROM wanted",
        "RUN exit 9",
      ].join("\n"),
    });
    const limits = ["--ulimit", "nofile=123:456", "--shm-size", "32m", "--network", "none"];
    const hosts = ["--add-host", "some-host:1.2.3.4", "--target", "wanted"];
    const built = await build(folder, ...limits, ...hosts);
    expect(built.exitCode).toBe(0);
    expect(built.stderr).toMatch(/ 123\n.*\n.* shm +32 .*\n.* lo\n/);
    const again = await build(folder, ...limits, ...hosts);
    expect(again.stderr).toContain("CACHED");
    const anew = await build(folder, ...limits, ...hosts, "--no-cache");
    expect(anew.stderr).not.toContain("CACHED");
    const filtered = await build(folder, ...limits, ...hosts, "--no-cache-filter", "wanted");
    expect(filtered.stderr).not.toContain("CACHED");
    const missing = await build(folder, "--target", "nothing");
    expect(missing.stderr).toContain('target stage "nothing" could not be found');
  }, 60_000);

  test("an interrupted build ends its step, and one for nobody's machine is refused", async () => {
    const folder = context({ Dockerfile: "FROM busybox\nRUN sleep 602\n" });
    const client = Bun.spawn(["docker", "build", folder], {
      env: { ...process.env, ...engine.environment() },
      stdout: "ignore",
      stderr: "ignore",
    });
    await waitUntil("the step runs", async () => (await processes()).includes("sleep 602"));
    client.kill("SIGINT");
    expect(await client.exited).not.toBe(0);
    await waitUntil("the step is gone", async () => !(await processes()).includes("sleep 602\n"));
    const unknown = await build(folder, "--platform", "linux/nonsense");
    expect(unknown.exitCode).not.toBe(0);
  }, 60_000);

  test("an agent is reached from the step", async () => {
    const folder = context({
      Dockerfile:
        "FROM busybox\nRUN --mount=type=ssh,required ls -l $SSH_AUTH_SOCK && echo socket is there\n",
    });
    const agent = createServer((socket) => socket.end());
    const path = join(engine.root, "agent");
    await new Promise<void>((resolve) => agent.listen(path, resolve));
    const built = await build(folder, "--ssh", `default=${path}`);
    expect(built.stderr).toContain("socket is there");
    const without = await build(folder, "--no-cache");
    expect(without.stderr).toContain("unset ssh forward key default");
    agent.close();
  }, 60_000);

  test("files and archives come out; ids and metadata are written", async () => {
    const folder = context({
      Dockerfile: [
        "FROM busybox AS build",
        "RUN mkdir -p /out/sub && echo x > /out/sub/x && chmod 751 /out/sub/x && ln -s sub/x /out/link",
        "FROM scratch",
        "COPY --from=build /out /",
      ].join("\n"),
    });
    const out = join(engine.root, "out");
    expect((await build(folder, "--output", out)).exitCode).toBe(0);
    expect(readFileSync(join(out, "link"), "utf8")).toBe("x\n");
    const tar = join(engine.root, "out.tar");
    expect((await build(folder, "--output", `type=tar,dest=${tar}`)).exitCode).toBe(0);
    expect(existsSync(tar)).toBe(true);
    const [idFile, metadataFile] = [join(engine.root, "id"), join(engine.root, "metadata")];
    await build(folder, "--iidfile", idFile, "--metadata-file", metadataFile, "-t", "ids");
    const id = await engine.mustDocker("inspect", "-f", "{{.Id}}", "ids");
    expect(readFileSync(idFile, "utf8")).toBe(id);
    expect(JSON.parse(readFileSync(metadataFile, "utf8"))).toMatchObject({
      "containerimage.config.digest": id,
      "image.name": "docker.io/library/ids",
    });
  }, 60_000);

  test("prune takes what its filters mean, and refuses what it cannot choose by", async () => {
    await build(context({ Dockerfile: "FROM busybox\nRUN echo kept > /kept\n" }));
    const prune = async (...filters: readonly string[]): Promise<CommandResult> => {
      const flags = filters.flatMap((filter) => ["--filter", filter]);
      return await engine.docker(["buildx", "prune", "-af", ...flags]);
    };
    const kept = async (): Promise<boolean> =>
      (await engine.mustDocker("buildx", "du", "--verbose")).includes("echo kept");
    const refused = await prune("nonsense=1");
    expect([refused.exitCode, refused.stderr]).toEqual([
      1,
      expect.stringContaining("Cannot filter the build cache by nonsense"),
    ]);
    const shown = async (filter: string): Promise<boolean> =>
      (await engine.mustDocker("buildx", "du", "--verbose", "--filter", filter)).includes(
        "echo kept",
      );
    expect([await shown("description~=kept"), await shown("type=exec.cachemount")]).toEqual([
      true,
      false,
    ]);
    for (const filter of ["until=1h", "type=exec.cachemount"]) {
      const pruned = await prune(filter);
      expect([pruned.exitCode, await kept()]).toEqual([0, true]);
    }
    await prune("type=regular");
    expect(await kept()).toBe(false);
  }, 60_000);
});
