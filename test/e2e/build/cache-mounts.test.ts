// Steps keep folders from build to build: one after the other where they say so, never waiting for each other in a ring, and
// beginning anew where nothing cached may be used, as docker 28 does.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CommandResult } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
let next = 1;

beforeAll(async () => {
  engine = await startEngine();
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

function folderOf(...dockerfile: readonly string[]): string {
  const folder = join(engine.root, `context-${next++}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "Dockerfile"), `${dockerfile.join("\n")}\n`);
  return folder;
}

async function build(folder: string, ...flags: readonly string[]): Promise<CommandResult> {
  const built = await engine.wharf(["build", "--progress=plain", ...flags, folder]);
  expect([built.exitCode, built.stderr]).toEqual([0, expect.any(String)]);
  return built;
}

function mount(target: string, more = ""): string {
  return `--mount=type=cache,target=${target},sharing=locked${more}`;
}

test("steps that name locked folders in different orders, or one twice, do not wait in a ring", async () => {
  const write = "echo $0 >> /a/steps; echo $0 >> /b/steps";
  const stages = Array.from({ length: 6 }, (_, index) => [
    `FROM busybox AS s${index}`,
    index % 2 === 0
      ? `RUN ${mount("/a")} ${mount("/b")} : ${index}; ${write}; touch /done${index}`
      : `RUN ${mount("/b")} ${mount("/a")} : ${index}; ${write}; touch /done${index}`,
  ]).flat();
  const last = [
    "FROM busybox",
    ...Array.from({ length: 6 }, (_, index) => `COPY --from=s${index} /done${index} /`),
    `RUN ${mount("/a")} ${mount("/again", ",id=/a")} cmp /a/steps /again/steps && wc -l < /again/steps > /count`,
  ];
  await build(folderOf(...stages, ...last), "-t", "ring");
  expect(await engine.mustWharf("run", "--rm", "ring", "cat", "/count")).toBe("6");
}, 60_000);

test("--no-cache empties a folder once a build; later builds find what that left", async () => {
  const folder = folderOf(
    "FROM busybox",
    "ARG SALT",
    "RUN --mount=type=cache,target=/kept echo $SALT >> /kept/one; cat /kept/* > /first",
    "RUN --mount=type=cache,target=/kept echo $SALT >> /kept/two; cat /kept/* > /second",
  );
  const kept = async (salt: string, ...flags: readonly string[]): Promise<string> => {
    await build(folder, "--build-arg", `SALT=${salt}`, "-t", "kept", ...flags);
    return await engine.mustWharf(
      "run",
      "--rm",
      "kept",
      "sh",
      "-c",
      "echo $(cat /first) / $(cat /second)",
    );
  };
  expect(await kept("a")).toBe("a / a a");
  expect(await kept("b")).toBe("a b a / a b a b");
  expect(await kept("c", "--no-cache")).toBe("c / c c");
  expect(await kept("d")).toBe("c d c / c d c d");
}, 60_000);

test("steps that begin to share a folder at once all find it, made once", async () => {
  const names = Array.from({ length: 8 }, (_, index) => `s${index}`);
  const shared = "--mount=type=cache,target=/together,from=busybox,source=/bin,mode=0701";
  const stages = names.flatMap((name) => [
    `FROM busybox AS ${name}`,
    `RUN ${shared} [ "$(stat -c %a /together)" = 701 ] && [ -x /together/sh ] && echo ${name} >> /together/names && touch /${name}`,
  ]);
  const last = [
    "FROM busybox",
    ...names.map((name) => `COPY --from=${name} /${name} /done/`),
    `RUN ${shared} sort -u /together/names | wc -l > /count`,
  ];
  await build(folderOf(...stages, ...last), "-t", "together");
  expect(await engine.mustWharf("run", "--rm", "together", "cat", "/count")).toBe("8");
}, 60_000);
