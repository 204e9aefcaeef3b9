// Somebody builds what is meant to harm: contexts whose names and links lead out, files without end, Dockerfiles that go in
// circles. Nothing outside the image is touched, each is told what is wrong, and the engine goes on.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { tarHeader } from "#base/tar/header.ts";
import { encodeTarHeader, tarTrailer } from "#base/tar/writer.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
/** A folder of the host that no build has to do with. */
let outside: string;

beforeAll(async () => {
  engine = await startEngine();
  outside = join(engine.root, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "kept"), "kept\n");
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

/** The long run takes as many as a user may have. */
const FILES = process.env["WHARF_TEST_LONG"] === "1" ? 100_000 : 2_000;

type Member = Parameters<typeof tarHeader>[0] & { readonly body?: string };

function* tarPieces(members: Iterable<Member>): Generator<Uint8Array> {
  for (const { body = "", ...fields } of members) {
    const bytes = Buffer.from(body);
    yield encodeTarHeader(tarHeader({ ...fields, sizeBytes: bytes.byteLength }));
    yield bytes;
    yield new Uint8Array((512 - (bytes.byteLength % 512)) % 512);
  }
  yield tarTrailer();
}

function tarOf(members: Iterable<Member>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat([...tarPieces(members)]));
}

function dockerfile(...lines: readonly string[]): Member {
  return { name: "Dockerfile", type: "file", body: `${lines.join("\n")}\n` };
}

/** @returns All that the engine says, whether it is an error or progress. */
async function build(
  body: Uint8Array<ArrayBuffer>,
  query = "",
): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`http://wharf/build?t=hostile${query}`, {
    method: "POST",
    unix: engine.socket,
    body,
    headers: { "Content-Type": "application/x-tar" },
  });
  return { status: response.status, text: await response.text() };
}

function untouched(): void {
  expect(readdirSync(outside)).toEqual(["kept"]);
  expect(readFileSync(join(outside, "kept"), "utf8")).toBe("kept\n");
}

/** No context, no mount and no active layer of a build is left. */
function nothingLeft(): void {
  const contexts = join(engine.root, "data/builder/contexts");
  expect(existsSync(contexts) ? readdirSync(contexts) : []).toEqual([]);
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  expect(mounts.filter((line) => line.includes(`${engine.root}/data/overlay2`))).toEqual([]);
}

describe("contexts that lead out", () => {
  const up = "../".repeat(30);
  test.each<readonly [string, (target: string) => readonly Member[]]>([
    ["a name with ..", (target) => [{ name: `${up}${target}/new`, type: "file", body: "x" }]],
    ["an absolute name", (target) => [{ name: `${target}/new`, type: "file", body: "x" }]],
    [
      "a link to a folder, and a file through it",
      (target) => [
        { name: "d", type: "symlink", linkName: target },
        { name: "d/new", type: "file", body: "x" },
        { name: "d/kept", type: "file", body: "x" },
      ],
    ],
    [
      "a chain of links",
      (target) => [
        { name: "a", type: "symlink", linkName: ".." },
        { name: "a/b", type: "symlink", linkName: target },
        { name: "a/b/new", type: "file", body: "x" },
      ],
    ],
    [
      "a hard link to a file outside, written through",
      (target) => [
        { name: "h", type: "hardlink", linkName: `${target}/kept` },
        { name: "h", type: "file", body: "x" },
      ],
    ],
    [
      "a hard link through a link",
      (target) => [
        { name: "d", type: "symlink", linkName: target },
        { name: "h", type: "hardlink", linkName: "d/kept" },
        { name: "h", type: "file", body: "x" },
      ],
    ],
    [
      "a folder's mode through a link",
      (target) => [
        { name: "d", type: "symlink", linkName: target },
        { name: "d", type: "directory", mode: 0o777 },
        { name: "d/new", type: "file", body: "x" },
      ],
    ],
  ])("%s", async (_name, members) => {
    await build(tarOf([dockerfile("FROM busybox", "COPY . /c/"), ...members(outside)]));
    untouched();
    nothingLeft();
  });

  test("links of the context lead to the image's files in COPY, and to the context's as sources", async () => {
    const members: readonly Member[] = [
      dockerfile("FROM busybox", `COPY out/kept /stolen`),
      { name: "out", type: "symlink", linkName: outside },
    ];
    const { text } = await build(tarOf(members));
    expect(text).toContain("not found");
    const written = await build(
      tarOf([
        dockerfile("FROM busybox", `RUN ln -s ${outside} /d`, "COPY f /d/new", "RUN cat /d/new"),
        { name: "f", type: "file", body: "inside" },
      ]),
    );
    expect(written.text).toContain("Successfully built");
    expect(written.text).toContain("inside");
    untouched();
  });

  test("a Dockerfile that is a link outside, a folder or a device is none", async () => {
    const secret = join(engine.root, "secret");
    writeFileSync(secret, "FROM busybox\nRUN echo stolen\n");
    const linked = await build(tarOf([{ name: "Dockerfile", type: "symlink", linkName: secret }]));
    expect(linked.text).toContain("failed to read dockerfile");
    const folder = await build(tarOf([{ name: "Dockerfile", type: "directory" }]));
    expect(folder.text).toContain("failed to read dockerfile");
    const named = await build(tarOf([dockerfile("FROM busybox")]), `&dockerfile=${up}${secret}`);
    expect(named.text).toContain("failed to read dockerfile");
  });

  test("the same by a folder on this host: links of the context are not followed out", async () => {
    const folder = join(engine.root, "folder");
    mkdirSync(folder);
    writeFileSync(join(folder, "Dockerfile"), "FROM busybox\nCOPY out/kept /stolen\n");
    symlinkSync(outside, join(folder, "out"));
    const built = await engine.wharf(["build", folder]);
    expect(built.exitCode).not.toBe(0);
    untouched();
  });

  test("what swaps folders for links while it is copied gets nothing of the host", async () => {
    const race = [
      "FROM busybox AS racing",
      "RUN mkdir -p /a/b && echo mine > /a/b/kept",
      "FROM busybox",
      `RUN --mount=type=bind,from=racing,target=/r,rw sh -c 'for i in 1 2 3 4 5 6 7 8; do mv /r/a/b /r/a/c; ln -s ${outside} /r/a/b; rm /r/a/b; mv /r/a/c /r/a/b; done'`,
      "COPY --from=racing /a /a",
      "RUN cat /a/b/kept",
    ];
    const { text } = await build(tarOf([dockerfile(...race)]));
    expect(text).toContain("mine");
    untouched();
  });
});

describe("too much", () => {
  test(`${FILES} files are taken`, async () => {
    function* many(): Generator<Member> {
      yield dockerfile("FROM scratch", "COPY files /files");
      for (let index = 0; index < FILES; index++) {
        yield { name: `files/${index % 100}/${index}`, type: "file", body: "x" };
      }
    }
    const { text } = await build(tarOf(many()));
    expect(text).toContain("Successfully built");
    nothingLeft();
  }, 600_000);

  test("a Dockerfile of 10 MB is read, or refused for what is wrong with it", async () => {
    const large = await build(
      tarOf([
        dockerfile("FROM busybox", ...Array.from({ length: 170 }, () => `#${"x".repeat(60_000)}`)),
      ]),
    );
    expect(large.text).toContain("Successfully built");
    const wrong = await build(tarOf([dockerfile("FROM busybox", `RUNN ${"x".repeat(60_000)}`)]));
    expect(wrong.text).toContain("unknown instruction: RUNN");
    const long = await build(tarOf([dockerfile("FROM busybox", `RUN ${"x".repeat(10_000_000)}`)]));
    expect(long.text).toContain("dockerfile line greater than max allowed size of 65535");
    expect(long.text.length).toBeLessThan(1000);
  }, 60_000);

  test("a tar that breaks off, and one that is nothing of the kind, leave nothing", async () => {
    const whole = tarOf([
      dockerfile("FROM busybox", "COPY f /f"),
      { name: "f", type: "file", body: "x".repeat(5000) },
    ]);
    const cut = await build(whole.slice(0, 2500));
    expect(cut.text).not.toContain("Successfully built");
    const zeros = await build(new Uint8Array(1024));
    expect(zeros.text).not.toContain("Successfully built");
    nothingLeft();
  });
});

describe("Dockerfiles that go in circles", () => {
  test.each<readonly [string, readonly string[], string]>([
    [
      "two stages that copy from each other",
      ["FROM busybox AS a", "COPY --from=b /x /x", "FROM busybox AS b", "COPY --from=a /x /x"],
      "needs to be defined before current stage",
    ],
    ["a stage that copies from itself", ["FROM busybox AS a", "COPY --from=a /x /x"], "circular"],
    [
      "a mount of a later stage",
      ["FROM busybox AS a", "RUN --mount=from=b,target=/b true", "FROM a AS b", "RUN true"],
      "needs to be defined before current stage",
    ],
  ])("%s is told", async (_name, lines, words) => {
    const { text } = await build(tarOf([dockerfile(...lines)]), "&target=");
    expect(text).toContain(words);
  });

  test("a frontend that is not Dockerfile's is refused by name, and Dockerfile's needs no registry", async () => {
    const folder = join(engine.root, "syntax");
    mkdirSync(folder);
    const buildBy = async (frontend: string): ReturnType<TestEngine["wharf"]> => {
      const text = `# syntax=${frontend}\nFROM busybox\nRUN echo built\n`;
      writeFileSync(join(folder, "Dockerfile"), text);
      return await engine.wharf(["build", "--progress=plain", folder]);
    };
    expect((await buildBy("docker/dockerfile:1.99-labs")).exitCode).toBe(0);
    const other = await buildBy("registry.invalid/frontend:1");
    expect(other.exitCode).not.toBe(0);
    expect(other.stderr).toContain(
      "Cannot build by frontend registry.invalid/frontend:1: there is docker/dockerfile",
    );
    expect(other.stderr).toContain(">>> # syntax=registry.invalid/frontend:1");
  });
});
