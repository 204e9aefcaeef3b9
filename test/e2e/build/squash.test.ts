// On an engine with experimental features a build's layers become one, as docker 28's classic builder squashes them: what a
// step made and a later one removed is not in the image, and all else is as it was.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { hasDockerCli, startEngine, type TestEngine } from "../../harness/engine.ts";

const CLASSIC = { DOCKER_BUILDKIT: "0" };

/** What the squashed build stands on: files that it removes, replaces, links and leaves. */
const BASE = `FROM busybox
RUN mkdir -p /b/gone /b/emptied /b/to-file /b/kept /b/again \\
 && echo g > /b/gone/g && echo e > /b/emptied/e && echo f > /b/to-file/f && echo k > /b/kept/k \\
 && echo d > /b/to-folder && echo a > /b/again/a && echo one > /b/same && touch -d @0 /b/same \\
 && echo l > /b/l1 && ln /b/l1 /b/l2 && echo m > /b/mode && echo x > /b/x
`;

const HARD = `FROM base
RUN mkdir -p /n/gone/deep /n/opaque/sub /n/to-file && echo the-secret > /n/gone/deep/secret \\
 && echo o > /n/opaque/o && echo f > /n/to-file/f && echo d > /n/to-folder && ln -s /n /n/link \\
 && echo h > /n/h1 && ln /n/h1 /n/h2 && ln /n/h1 /n/h3 && ln /n/h1 /n/h4 && echo i > /n/i1 && ln /n/i1 /n/i2
RUN rm -r /b/gone /b/emptied/e /b/to-file /b/to-folder /b/again /b/x \\
 && echo file > /b/to-file && mkdir /b/to-folder /b/again && echo in > /b/to-folder/in \\
 && echo two > /b/same && touch -d @0 /b/same && echo more >> /b/l2 && chmod 640 /b/mode && chown 12:34 /b/kept
RUN rm -r /n/gone /n/opaque /n/to-file /n/to-folder /n/link && mkdir /n/opaque /n/to-folder \\
 && echo p > /n/opaque/p && echo i > /n/to-folder/i && echo file > /n/to-file && echo plain > /n/link
RUN rm /n/h1 && echo changed >> /n/h3 && mkfifo /n/fifo && mknod /n/null c 1 3 && echo y > /b/x && rm /b/x
ENV a=b
LABEL made=squashed
`;

/** Paths with kind and mode, owner, size, time, device and content; a folder's size is its file system's. */
const LIST = `cd / && find . -xdev \\( -path ./proc -o -path ./sys -o -path ./dev -o -path ./etc/hosts \\
  -o -path ./etc/hostname -o -path ./etc/resolv.conf -o -path ./.dockerenv -o -path ./etc \\) -prune -o -print | sort |
while read -r f; do
  if [ -d "$f" ] && [ ! -L "$f" ]; then stat -c '%n %f %u %g' "$f"; else stat -c '%N %f %u %g %s %Y %t %T' "$f"; fi
  if [ -f "$f" ] && [ ! -L "$f" ]; then case "$f" in ./bin/*) ;; *) md5sum "$f" ;; esac; fi
done`;

let engine: TestEngine;
let next = 1;

beforeAll(async () => {
  engine = await startEngine({ flags: ["--experimental"] });
  await build("wharf", BASE, "-t", "base");
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

async function build(
  client: "docker" | "wharf",
  dockerfile: string,
  ...flags: readonly string[]
): Promise<string> {
  const folder = join(engine.root, `context-${next++}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "Dockerfile"), dockerfile);
  writeFileSync(join(folder, "f"), "content\n");
  const result = await engine[client](["build", ...flags, folder], { env: CLASSIC });
  if (result.exitCode !== 0) throw new Error(`${result.stdout}${result.stderr}`);
  return result.stdout;
}

interface Inspected {
  readonly Id: string;
  readonly Comment: string;
  readonly RootFS: { readonly Layers: readonly string[] };
  readonly Config: { readonly Env: readonly string[]; readonly Labels: unknown };
}

async function inspect(name: string): Promise<Inspected> {
  return JSON.parse(await engine.mustWharf("image", "inspect", "-f", "{{json .}}", name));
}

async function history(name: string): Promise<readonly (readonly [string, string])[]> {
  const lines = await engine.mustWharf(
    ...["history", "--no-trunc", "--format", "{{.Size}}\t{{.Comment}}", name],
  );
  return lines
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [size = "", comment = ""] = line.split("\t");
      return [size, comment] as const;
    });
}

/** Names in the topmost layer, and its bytes. */
async function topLayer(
  name: string,
): Promise<{ readonly names: readonly string[]; readonly bytes: Buffer }> {
  const folder = join(engine.root, `saved-${next++}`);
  mkdirSync(folder);
  await engine.mustWharf("save", "-o", join(folder, "image.tar"), name);
  await mustRun(["tar", "-xf", "image.tar"], { cwd: folder });
  const [manifest] = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
  const layer = join(folder, manifest.Layers.at(-1));
  const { stdout } = await mustRun(["tar", "-tf", layer]);
  return { names: stdout.trimEnd().split("\n").toSorted(), bytes: readFileSync(layer) };
}

test.skipIf(!hasDockerCli)(
  "docker build --squash makes one layer of what all layers show",
  async () => {
    const stdout = await build("docker", HARD, "--squash", "-t", "squashed");
    await build("docker", HARD, "-t", "layered");
    const [base, layered, squashed] = await Promise.all(
      ["base", "layered", "squashed"].map((name) => inspect(name)),
    );
    if (!base || !layered || !squashed) throw new Error("three images were asked for");
    expect(stdout).toContain(`Successfully built ${squashed.Id.slice(7, 19)}\n`);
    expect(stdout).toContain("Successfully tagged squashed:latest\n");
    expect(squashed.RootFS.Layers.slice(0, -1)).toEqual([...base.RootFS.Layers]);
    // the image with all layers stays, and both builds made the same one
    const comment = `merge ${layered.Id} to ${base.Id}`;
    expect(squashed.Comment).toBe(comment);
    expect(squashed.Config).toEqual(layered.Config);
    const [last, ...before] = await history("squashed");
    expect(last).toEqual([expect.stringMatching(/^[1-9]/), comment]);
    const steps = before.slice(0, 6);
    expect(steps.map(([size]) => size)).toEqual(["0B", "0B", "0B", "0B", "0B", "0B"]);
    expect(before.slice(6)).toEqual([...(await history("base"))]);

    const [all, one] = await Promise.all(
      ["layered", "squashed"].map((name) =>
        engine.mustDocker("run", "--rm", name, "sh", "-c", LIST),
      ),
    );
    expect(all).toContain("./b/same");
    expect(one).toBe(all ?? "");

    const { names, bytes } = await topLayer("squashed");
    expect(names).toEqual(
      [
        ...["b/", "b/.wh.gone", "b/.wh.x", "b/again/", "b/again/.wh.a", "b/emptied/"],
        ...["b/emptied/.wh.e", "b/kept/", "b/l2", "b/mode", "b/same", "b/to-file"],
        ...["b/to-folder/", "b/to-folder/in", "n/", "n/fifo", "n/h2", "n/h3", "n/h4", "n/i1"],
        ...["n/i2", "n/link", "n/null", "n/opaque/", "n/opaque/p", "n/to-file", "n/to-folder/"],
        "n/to-folder/i",
      ].toSorted(),
    );
    expect(bytes.includes("the-secret")).toBe(false);
    const { stdout: links } = await engine.docker([
      "run",
      "--rm",
      "squashed",
      "sh",
      "-c",
      "[ /n/i1 -ef /n/i2 ] && [ /n/h2 -ef /n/h4 ] && cat /n/h3",
    ]);
    expect(links).toBe("h\nchanged\n");
  },
  60_000,
);

test("wharf build --squash needs no DOCKER_BUILDKIT, and -q tells the squashed image alone", async () => {
  const folder = join(engine.root, `context-${next++}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "f"), "content\n");
  writeFileSync(join(folder, "Dockerfile"), "FROM scratch\nCOPY f /f\nCOPY f /g\n");
  const id = await engine.mustWharf("build", "--squash", "-q", "-t", "scratched", folder);
  const { Id, RootFS, Comment } = await inspect("scratched");
  expect(id).toBe(Id);
  expect(RootFS.Layers).toHaveLength(1);
  expect(Comment).toMatch(/^create new from sha256:[0-9a-f]{64}$/);
  const whole = await inspect(Comment.replace("create new from ", ""));
  expect(whole.RootFS.Layers).toHaveLength(2);
  expect((await topLayer("scratched")).names).toEqual(["f", "g"]);

  const by = await engine.wharf(["build", "--squash", "--secret", "id=x,src=/x", folder]);
  expect(by.stderr).toContain("Cannot build with --secret by the classic API");
}, 60_000);

test("of stages the target's own layers become one, and what has none gets none", async () => {
  const stages = "FROM base AS one\nRUN echo 1 > /1\nFROM one\nRUN rm /1\nRUN echo 2 > /2\n";
  await build("wharf", stages, "--squash", "-t", "stages");
  const [base, made] = [await inspect("base"), await inspect("stages")];
  expect(made.RootFS.Layers).toHaveLength(base.RootFS.Layers.length + 2);
  expect((await topLayer("stages")).names).toEqual([".wh.1", "2"]);

  await build("wharf", "FROM base\nENV a=b\n", "--squash", "-t", "bare");
  const bare = await inspect("bare");
  expect(bare.RootFS.Layers).toEqual([...base.RootFS.Layers]);
  expect(bare.Config.Env).toContain("a=b");
  expect((await engine.mustWharf("run", "--rm", "bare", "cat", "/b/kept/k")).trim()).toBe("k");
}, 60_000);

test("POST /build tells both images, and refuses what cannot be squashed", async () => {
  const { stdout } = await mustRun(["tar", "-c", "-C", join(engine.root, "context-1"), "."]);
  const answer = await fetch("http://wharf/build?squash=1&t=told", {
    method: "POST",
    unix: engine.socket,
    body: stdout,
  });
  const lines = (await answer.text()).trimEnd().split("\n");
  const told = lines.map((line) => JSON.parse(line)).filter((line) => line.aux !== undefined);
  const { Id } = await inspect("told");
  expect(told).toEqual([
    { aux: { ID: expect.stringMatching(/^sha256:/) } },
    { id: "moby.image.id", aux: { ID: Id } },
  ]);
  expect(told[0].aux.ID).not.toBe(Id);

  const bySession = await engine.api("POST", "/build?squash=1&version=2&session=x");
  expect(bySession.status).toBe(501);
}, 60_000);

test("where layers are whole trees too, a file of the same size and time is told apart", async () => {
  await using plain = await startEngine({
    flags: ["--experimental", "--storage-driver", "vfs"],
  });
  const folder = join(plain.root, "context");
  mkdirSync(folder);
  const written = (text: string): string => `RUN echo ${text} > /same && touch -d @0 /same\n`;
  writeFileSync(join(folder, "Dockerfile"), `FROM busybox\n${written("one")}`);
  await plain.mustWharf("build", "-t", "base", folder);
  writeFileSync(
    join(folder, "Dockerfile"),
    `FROM base\nRUN echo kept > /kept\n${written("two")}RUN rm /bin/vi; mkdir /new\n`,
  );
  await plain.mustWharf("build", "--squash", "-t", "squashed", folder);
  expect(await plain.mustWharf("run", "--rm", "squashed", "cat", "/same", "/kept")).toBe(
    "two\nkept",
  );
}, 60_000);
