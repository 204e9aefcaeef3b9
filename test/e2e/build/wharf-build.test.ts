// A user builds with wharf: what is theirs goes with the build, what was built comes back, on this host and from another.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";
import { mustRun, runCommand, type CommandResult } from "../../harness/command.ts";
import { DockerRegistry } from "../../harness/registry/docker-registry.ts";
import { startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";

let engine: TestEngine;
let next = 1;

beforeAll(async () => {
  engine = await startEngine();
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

/** Makes a folder. @returns Its path. */
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = join(engine.root, `context-${next++}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

async function build(folder: string, ...flags: readonly string[]): Promise<CommandResult> {
  return await engine.wharf(["build", ...flags, folder]);
}

/** Files below the engine's folders that hold the text. */
async function holding(text: string): Promise<string> {
  const { stdout } = await runCommand(["grep", "-rlaF", text, join(engine.root, "data")]);
  return `${stdout}${engine.daemonLog().includes(text) ? "daemon.log" : ""}`;
}

describe("what goes with a build", () => {
  test("secrets of files and variables reach the step that asks, and nothing else at all", async () => {
    const [file, variable] = ["plugh-from-a-file", "xyzzy-from-the-environment"];
    const folder = folderOf({
      Dockerfile: [
        "FROM busybox",
        "RUN --mount=type=secret,id=one,target=/s1 --mount=type=secret,id=TWO,env=TWO,required \\",
        "  echo lengths $(wc -c < /s1) ${#TWO}",
        'RUN test ! -s /s1 && test -z "$TWO"',
      ].join("\n"),
    });
    const secret = join(folder, "..", "secret-file");
    writeFileSync(secret, file);
    const flags = ["--secret", `id=one,src=${secret}`, "--secret", "id=TWO", "-t", "secretive"];
    const built = await engine.wharf(["build", ...flags, folder], { env: { TWO: variable } });
    expect(built.stderr).toContain(`lengths ${file.length} ${variable.length}`);
    expect(built.exitCode).toBe(0);
    // other values do not make another step
    writeFileSync(secret, "other");
    const again = await engine.wharf(["build", ...flags, folder], { env: { TWO: "other" } });
    expect(again.stderr.match(/CACHED/g)?.length).toBe(2);
    for (const text of [file, variable]) {
      expect(await holding(text)).toBe("");
      expect(`${built.stderr}${built.stdout}`).not.toContain(text);
    }
    const wrong: readonly (readonly [string, string])[] = [
      ["id=x,src=/none", "failed to stat /none: stat /none: no such file or directory"],
      ["nonsense", "invalid field 'nonsense' must be a key=value pair"],
      ["src=/etc/passwd", "secret must have an id"],
    ];
    for (const [text, words] of wrong) {
      const refused = await build(folder, "--secret", text);
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr).toContain(words);
    }
    const missing = await build(folder, "--no-cache");
    expect(missing.stderr).toContain("secret TWO: not found");
  }, 60_000);

  test("an agent is spoken to from a step", async () => {
    const folder = folderOf({
      Dockerfile: [
        "FROM busybox",
        'RUN --mount=type=ssh,id=mine test -S "$SSH_AUTH_SOCK" && echo hello | nc local:$SSH_AUTH_SOCK || ls -l $SSH_AUTH_SOCK',
      ].join("\n"),
    });
    const agent = createServer((socket) => socket.end("from the agent\n"));
    const path = join(engine.root, "agent");
    await new Promise<void>((resolve) => agent.listen(path, resolve));
    try {
      const built = await build(folder, "--ssh", `mine=${path}`);
      expect(built.stderr).toContain("$SSH_AUTH_SOCK");
      expect(built.exitCode).toBe(0);
      const none = await engine.wharf(["build", "--ssh", "default", folder], {
        env: { SSH_AUTH_SOCK: "" },
      });
      expect(none.stderr).toContain("make sure SSH_AUTH_SOCK is set");
    } finally {
      agent.close();
    }
  }, 60_000);

  test("contexts have names: folders and images", async () => {
    const folder = folderOf({
      Dockerfile: "FROM base\nCOPY --from=more /sub/file /got\nRUN cat /got /etc/passwd > /both\n",
      "more/sub/file": "from more\n",
    });
    const contexts = [`more=${join(folder, "more")}`, "base=docker-image://busybox"];
    const flags = contexts.flatMap((one) => ["--build-context", one]);
    const built = await build(folder, ...flags, "-t", "named");
    expect(built.exitCode).toBe(0);
    expect(await engine.mustWharf("run", "--rm", "named", "cat", "/both")).toContain(
      "from more\nroot:",
    );
    const missing = await build(folder, "--build-context", "more=/none");
    expect(missing.stderr).toContain("failed to get build context more: stat /none: no such file");
    const bad = await build(folder, "--build-context", "more");
    expect(bad.stderr).toContain("invalid context value: more, expected key=value");
  }, 60_000);

  test("arguments come from the environment; labels, hosts and tags as asked", async () => {
    const folder = folderOf({
      Dockerfile: "FROM busybox\nARG A B C=own\nRUN echo $A $B $C; grep ours /etc/hosts\n",
    });
    const args = ["--build-arg", "A=1", "--build-arg", "B", "--build-arg", "C"];
    const more = ["--label", "l=v", "--add-host", "ours:192.0.2.7", "-t", "one:a", "-t", "two"];
    const built = await engine.wharf(["build", ...args, ...more, folder], { env: { B: "2" } });
    expect(built.stderr).toMatch(/ 1 2 own\n/);
    expect(built.stderr).toMatch(/ 192\.0\.2\.7\s+ours/);
    const labels = await engine.mustWharf("inspect", "-f", "{{.Config.Labels}}", "one:a", "two");
    expect(labels).toBe("map[l:v]\nmap[l:v]");
    const dated = folderOf({ Dockerfile: "FROM busybox\nRUN echo x > /x\n" });
    const epoch = await engine.wharf(["build", "-t", "dated", dated], {
      env: { SOURCE_DATE_EPOCH: "1700000000" },
    });
    expect(epoch.exitCode).toBe(0);
    const created = await engine.mustWharf("inspect", "-f", "{{.Created}}", "dated");
    expect(created).toStartWith("2023-11-14T22:13:20");
  }, 60_000);

  test("standard input is the Dockerfile or the whole context", async () => {
    const folder = folderOf({ Dockerfile: "FROM busybox\nRUN false\n", a: "A\n" });
    const typed = await engine.wharf(["build", "-f", "-", "-t", "typed", folder], {
      input: "FROM busybox\nCOPY a /typed\n",
    });
    expect(typed.exitCode).toBe(0);
    expect(await engine.mustWharf("run", "--rm", "typed", "cat", "/typed")).toBe("A");
    const alone = await engine.wharf(["build", "-"], { input: "FROM busybox\nRUN echo alone\n" });
    expect(alone.stderr).toMatch(/ alone\n/);
    const packed = folderOf({ "sub/other": "FROM busybox\nCOPY b /b\n", b: "B\n" });
    const tar = join(engine.root, "context.tar.gz");
    await mustRun(["tar", "-czf", tar, "-C", packed, "."]);
    const piped = await runCommand(
      ["sh", "-c", `cat ${tar} | ${WHARF} build -f sub/other -t piped -`],
      { env: engine.environment() },
    );
    expect(piped.stderr).toContain("[internal] load remote build context");
    expect(await engine.mustWharf("run", "--rm", "piped", "cat", "/b")).toBe("B");
    const both = await engine.wharf(["build", "-f", "-", "-"], { input: "FROM busybox\n" });
    expect(both.stderr).toContain("can't use stdin for both build context and dockerfile");
  }, 60_000);

  test("repositories and archives are contexts by their URLs, with a Dockerfile of one's own too", async () => {
    const served = folderOf({
      "work/Dockerfile": "FROM busybox\nCOPY a /a\n",
      "work/a": "served\n",
    });
    const git = ["git", "-c", "user.name=x", "-c", "user.email=x@y", "-C", join(served, "work")];
    await mustRun([...git, "init", "-q", "-b", "main"]);
    await mustRun([...git, "add", "."]);
    await mustRun([...git, "commit", "-qm", "all"]);
    await mustRun(["git", "clone", "-q", "--bare", join(served, "work"), join(served, "bare.git")]);
    await mustRun(["git", "-C", join(served, "bare.git"), "update-server-info"]);
    await mustRun([
      "tar",
      "-cf",
      join(served, "all.tar"),
      "-C",
      join(served, "work"),
      "Dockerfile",
      "a",
    ]);
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        const file = Bun.file(join(served, new URL(request.url).pathname));
        return (await file.exists()) ? new Response(file) : new Response("none", { status: 404 });
      },
    });
    const base = `http://127.0.0.1:${server.port}`;
    for (const [tag, url] of [
      ["by-archive", `${base}/all.tar`],
      ["by-git", `${base}/bare.git#main`],
    ] as const) {
      const built = await build(url, "-t", tag);
      expect(built.stderr).not.toContain("ERROR");
      expect(await engine.mustWharf("run", "--rm", tag, "cat", "/a")).toBe("served");
    }
    const named = folderOf({
      Dockerfile: "FROM busybox\nCOPY --from=git a /a\nCOPY --from=file all.tar /archive\n",
    });
    const contexts = [`git=${base}/bare.git#main`, `file=${base}/all.tar`];
    const flags = contexts.flatMap((one) => ["--build-context", one]);
    const beside = await build(named, ...flags, "-t", "beside");
    expect(beside.stderr).not.toContain("ERROR");
    const shown = ["sh", "-c", "cat /a; tar -xOf /archive a"];
    expect(await engine.mustWharf("run", "--rm", "beside", ...shown)).toBe("served\nserved");
    const nowhere = await build(
      named,
      "--build-context",
      `git=${base}/none.git`,
      ...flags.slice(2),
    );
    expect(nowhere.stderr).toContain("failed to fetch remote");
    const own = await engine.wharf(["build", "-f", "-", "-t", "own", `${base}/all.tar`], {
      input: "FROM busybox\nCOPY a /own\n",
    });
    expect(own.exitCode).toBe(0);
    expect(await engine.mustWharf("run", "--rm", "own", "cat", "/own")).toBe("served");
    const missing = await build(`${base}/none.tar`);
    expect(missing.stderr).toContain("invalid response status 404");
  }, 60_000);
});

describe("what comes of a build", () => {
  const tree = [
    "FROM busybox AS build",
    "RUN mkdir -p /out/sub && echo x > /out/sub/x && chmod 751 /out/sub/x && ln -s sub/x /out/link && ln /out/sub/x /out/hard",
    "FROM scratch",
    "COPY --from=build /out /",
  ].join("\n");

  test("files come into a folder beside those that are there, or into an archive", async () => {
    const folder = folderOf({ Dockerfile: tree });
    const out = folderOf({ kept: "kept\n", "sub/x": "old\n" });
    expect((await build(folder, "-o", out)).exitCode).toBe(0);
    expect(readFileSync(join(out, "link"), "utf8")).toBe("x\n");
    expect(readFileSync(join(out, "kept"), "utf8")).toBe("kept\n");
    expect(statSync(join(out, "sub/x")).mode & 0o777).toBe(0o751);
    expect(statSync(join(out, "hard")).ino).toBe(statSync(join(out, "sub/x")).ino);
    const tar = join(engine.root, "out.tar");
    const flags = "build --progress plain -o -";
    await mustRun(["sh", "-c", `${WHARF} ${flags} ${folder} > ${tar} 2>${tar}.log`], {
      env: engine.environment(),
    });
    const listed = await mustRun(["tar", "-tf", tar]);
    expect(listed.stdout.split("\n")).toContain("sub/x");
    expect(readFileSync(`${tar}.log`, "utf8")).toContain("exporting to client tarball");
    const refused = await build(folder, "-o", "type=local");
    expect(refused.stderr).toBe("ERROR: failed to build: dest is required for local exporter\n");
    const unknown = await build(folder, "-o", "type=foo");
    expect(unknown.stderr).toContain('exporter "foo" could not be found');
  }, 60_000);

  test("images come as archives that engines load, and are loaded and kept at once", async () => {
    const folder = folderOf({ Dockerfile: 'FROM busybox\nRUN echo x > /x\nCMD ["cat", "/x"]\n' });
    const archive = join(engine.root, "image.tar");
    for (const type of ["docker", "oci"]) {
      const to = ["-o", `type=${type},dest=${archive}`, "--annotation", "one=two"];
      const made = await build(folder, ...to, "-t", `in-${type}`);
      expect([made.exitCode, made.stderr]).toEqual([0, expect.stringContaining("exporting")]);
      expect(readFileSync(archive, "latin1")).toMatch(/"annotations":\{[^}]*"one":"two"/);
      await engine.mustWharf("load", "-i", archive);
      expect(await engine.mustWharf("run", "--rm", `in-${type}`)).toBe("x");
    }
    const both = await build(folder, "--load", "-o", `type=oci,dest=${archive}`, "-t", "both");
    expect(both.exitCode).toBe(0);
    expect(await engine.mustWharf("run", "--rm", "both")).toBe("x");
  }, 60_000);

  test("images are pushed, and serve as a cache for an engine that has none", async () => {
    await using registry = await DockerRegistry.start();
    const folder = folderOf({ Dockerfile: "FROM busybox\nRUN date +%s%N > /when\n" });
    const name = `${registry.address}/some/app:1`;
    const files = ["--metadata-file", `${folder}.json`, "--iidfile", `${folder}.id`];
    const cache = ["--cache-to", `type=registry,ref=${registry.address}/some/cache,mode=max`];
    const more = ["--push", "-t", name];
    const pushed = await build(folder, ...more, ...files, ...cache);
    expect(pushed.stderr).toContain(`pushing ${name}`);
    expect(pushed.exitCode).toBe(0);
    const manifest = await registry.manifest("some/app", "1");
    const digest = `sha256:${new Bun.CryptoHasher("sha256").update(manifest).digest("hex")}`;
    const metadata: unknown = JSON.parse(readFileSync(`${folder}.json`, "utf8"));
    expect(metadata).toMatchObject({ "containerimage.digest": digest, "image.name": name });
    const when = await engine.mustWharf("run", "--rm", name, "cat", "/when");
    await engine.mustWharf("rmi", name);
    await engine.mustWharf("builder", "prune", "-af");
    const from = ["--cache-from", `${registry.address}/some/cache`];
    const again = await build(folder, ...from, "-t", "again");
    expect(again.stderr).toContain("CACHED");
    expect(await engine.mustWharf("run", "--rm", "again", "cat", "/when")).toBe(when);
    const nameless = await build(folder, "--push");
    expect(nameless.stderr).toContain("tag is needed when pushing to registry");
  }, 60_000);

  test("a cache in a folder serves when the engine's own is gone; names in it stand side by side", async () => {
    const folder = folderOf({ Dockerfile: "FROM busybox\nRUN date +%s%N > /when\n" });
    const cache = join(engine.root, "cache");
    const to = (tag: string): string => `type=local,dest=${cache},tag=${tag},mode=max`;
    const first = await build(folder, "-t", "cached", "--cache-to", to("latest"));
    expect([first.exitCode, first.stderr]).toEqual([0, expect.stringContaining("exporting cache")]);
    expect((await build(folder, "--cache-to", to("other"))).exitCode).toBe(0);
    const index = JSON.parse(readFileSync(join(cache, "index.json"), "utf8")) as {
      readonly manifests: readonly object[];
    };
    expect(index.manifests).toHaveLength(2);
    const when = await engine.mustWharf("run", "--rm", "cached", "cat", "/when");
    await engine.mustWharf("rmi", "cached");
    await engine.mustWharf("image", "prune", "-f");
    await engine.mustWharf("builder", "prune", "-af");
    const again = await build(folder, "-t", "again", "--cache-from", `type=local,src=${cache}`);
    expect(again.stderr).toContain("CACHED");
    expect(await engine.mustWharf("run", "--rm", "again", "cat", "/when")).toBe(when);
    const none = await build(folder, "--cache-from", `type=local,src=${folder}`);
    expect(none.exitCode).toBe(0);
    expect(none.stderr).toContain(`WARNING: local cache import at ${folder} not found`);
  }, 60_000);

  test("--quiet prints the image's id alone", async () => {
    const folder = folderOf({ Dockerfile: "FROM busybox\nENV quiet=1\n" });
    const built = await build(folder, "-q", "-t", "quiet", "--iidfile", `${folder}.id`);
    const id = await engine.mustWharf("inspect", "-f", "{{.Id}}", "quiet");
    expect(built).toMatchObject({ exitCode: 0, stdout: `${id}\n`, stderr: "" });
    expect(readFileSync(`${folder}.id`, "utf8")).toBe(id);
    const failing = await build(folderOf({ Dockerfile: "FROM busybox\nRUN exit 4\n" }), "-q");
    expect(failing.exitCode).toBe(1);
    expect(failing.stderr).toBe(`Dockerfile:2
--------------------
   1 |     FROM busybox
   2 | >>> RUN exit 4
   3 |     
--------------------
ERROR: failed to build: failed to solve: process "/bin/sh -c exit 4" did not complete successfully: exit code: 4
`);
  }, 60_000);

  test("steps of chosen stages are done anew", async () => {
    const folder = folderOf({
      Dockerfile: "FROM busybox AS one\nRUN echo 1 > /1\nFROM one AS two\nRUN echo 2 > /2\n",
    });
    await build(folder);
    const again = await build(folder, "--no-cache-filter", "two");
    expect(again.stderr).toMatch(/RUN echo 1 > \/1\n#\d+ CACHED/);
    expect(again.stderr).toMatch(/RUN echo 2 > \/2\n#\d+ DONE/);
    const both = await build(folder, "--no-cache", "--no-cache-filter", "two");
    expect(both.stderr).toContain(
      "--no-cache and --no-cache-filter cannot currently be used together",
    );
  }, 60_000);
});

describe("what is refused before anything is sent", () => {
  test("in docker's words", async () => {
    const folder = folderOf({ Dockerfile: "FROM busybox\n" });
    const wrong: readonly (readonly [flags: readonly string[], words: string])[] = [
      [["-t", "UPPER"], 'invalid tag "UPPER"'],
      [["--progress", "bogus"], "invalid progress mode bogus"],
      [["--allow", "bogus"], "unknown entitlement bogus"],
      [["--add-host", "foo"], "invalid host foo"],
      [["--annotation", "foo"], 'invalid annotation "foo", expected key=value'],
      [["--attest", "foo"], "invalid value foo"],
      [["--sbom", "true", "--attest", "type=sbom"], "duplicate attestation field sbom"],
      [["--ssh", "default=/none"], "stat /none: no such file or directory"],
      [["--output", "dest=x"], "type is required for output"],
      [["--squash"], "squash is only supported with experimental mode"],
      [["-f", "none"], "failed to read dockerfile: open none: no such file or directory"],
    ];
    for (const [flags, words] of wrong) {
      const { exitCode, stderr } = await build(folder, ...flags);
      expect([flags, stderr]).toEqual([flags, expect.stringContaining(words)]);
      expect(exitCode).toBeGreaterThan(0);
    }
    const nowhere = await build(join(folder, "none"));
    expect(nowhere.stderr).toContain("unable to prepare context: path");
    const squashed = await engine.api("POST", "/build?squash=1");
    expect([squashed.status, await squashed.json()]).toEqual([
      400,
      expect.objectContaining({ message: "squash is only supported with experimental mode" }),
    ]);
    const classic = await engine.wharf(["build", "--push", "-t", "x", folder], {
      env: { DOCKER_BUILDKIT: "0" },
    });
    expect(classic.stderr).toContain("Cannot build with --push by the classic API");
  }, 60_000);
});

describe("from another host", () => {
  test("only what is wanted of a folder is sent, and then only what has changed", async () => {
    // an address that is no socket on this host: the engine is not told where the folder is
    const proxy = createServer((client) => {
      const upstream = connect(engine.socket);
      client.on("error", () => upstream.destroy());
      upstream.on("error", () => client.destroy());
      client.pipe(upstream).pipe(client);
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const address = proxy.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const folder = folderOf({
      Dockerfile: "FROM busybox\nCOPY . /all\nRUN find /all -type f | sort; cat /all/d/b\n",
      a: "A\n",
      "d/b": "B\n",
      "no/c": "ignored",
      "no/yes": "kept\n",
      ".dockerignore": "no/*\n!no/yes\nDockerfile\n",
    });
    const by = async (): Promise<CommandResult> =>
      await runCommand([WHARF, "-H", `tcp://127.0.0.1:${port}`, "build", folder], {
        env: engine.environment(),
      });
    const first = await by();
    expect(first.stderr).toMatch(
      /\/all\/\.dockerignore\n.*\/all\/a\n.*\/all\/d\/b\n.*\/all\/no\/yes\n.* B\n/,
    );
    writeFileSync(join(folder, "d/b"), "C, which is longer\n");
    const second = await by();
    expect(second.stderr).toMatch(/ C, which is longer\n/);
    expect(second.stderr).toMatch(/transferring context: 19B/);
    rmSync(join(folder, "a"));
    const third = await by();
    expect(third.stderr).not.toContain("/all/a\n");
    const out = join(engine.root, "remote-out");
    await runCommand([WHARF, "-H", `tcp://127.0.0.1:${port}`, "build", "-o", out, folder], {
      env: engine.environment(),
    });
    expect(readFileSync(join(out, "all/no/yes"), "utf8")).toBe("kept\n");
    proxy.close();
  }, 60_000);
});
