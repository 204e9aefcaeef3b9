// A user's images are for several platforms, and are built upon each other.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { addBuildx, hasBuildx } from "../../harness/build/buildx.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
let next = 1;

beforeAll(async () => {
  engine = await startEngine();
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const linked = {
  "docker-bake.hcl": `
target "base" {
  context = "base"
  platforms = ["linux/amd64", "linux/arm64"]
}
target "app" {
  contexts = { base = "target:base" }
  platforms = ["linux/amd64", "linux/arm64"]
  output = ["type=local,dest=out"]
}
target "one" {
  inherits = ["app"]
  platforms = ["linux/arm64"]
  output = ["type=local,dest=one"]
}
target "single" {
  context = "base"
  platforms = ["linux/arm64"]
}
target "same" {
  contexts = { base = "target:single" }
  platforms = ["linux/amd64", "linux/arm64"]
  output = ["type=local,dest=same"]
}
`,
  Dockerfile: [
    "FROM base",
    "ARG TARGETARCH",
    "COPY --from=base /arch /copied",
    "COPY $TARGETARCH /own",
  ].join("\n"),
  amd64: "app amd64\n",
  arm64: "app arm64\n",
  "base/Dockerfile": "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /arch\n",
  "base/amd64": "base amd64\n",
  "base/arm64": "base arm64\n",
};

/** @returns The folder. */
function project(): string {
  const path = join(engine.root, `bake-${next++}`);
  for (const [name, text] of Object.entries(linked)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

function expectEachItsOwn(path: string): void {
  for (const arch of ["amd64", "arm64"]) {
    const read = (name: string): string =>
      readFileSync(join(path, `out/linux_${arch}/${name}`), "utf8");
    expect(read("arch")).toBe(`base ${arch}\n`);
    expect(read("copied")).toBe(`base ${arch}\n`);
    expect(read("own")).toBe(`app ${arch}\n`);
  }
}

test("a target takes of another what is for the same platform", async () => {
  const cwd = project();
  const built = await engine.wharf(["bake", "--progress=plain", "app", "one"], { cwd });
  expect(built.stderr).not.toContain("ERROR");
  expect(built.exitCode).toBe(0);
  expectEachItsOwn(cwd);
  expect(readFileSync(join(cwd, "one/arch"), "utf8")).toBe("base arm64\n");
}, 60_000);

test("what a target has for one platform serves all of another's", async () => {
  const cwd = project();
  const built = await engine.wharf(["bake", "--progress=plain", "same"], { cwd });
  expect(built.exitCode).toBe(0);
  for (const arch of ["amd64", "arm64"]) {
    expect(readFileSync(join(cwd, `same/linux_${arch}/arch`), "utf8")).toBe("base arm64\n");
  }
}, 60_000);

test("a context of one platform comes before that for all", async () => {
  const cwd = project();
  const contexts = { base: "base", "base::linux/arm64": "other" };
  mkdirSync(join(cwd, "other"));
  writeFileSync(join(cwd, "other/arm64"), "other arm64\n");
  writeFileSync(join(cwd, "Dockerfile"), "FROM scratch\nCOPY --from=base /arm64 /\n");
  const words = [
    "build",
    "--platform=linux/amd64,linux/arm64",
    "--output=type=local,dest=out",
    ".",
  ];
  for (const [name, place] of Object.entries(contexts)) {
    words.push("--build-context", `${name}=${place}`);
  }
  const built = await engine.wharf(words, { cwd });
  expect(built.stderr).not.toContain("ERROR");
  expect(built.exitCode).toBe(0);
  const read = (arch: string): string => readFileSync(join(cwd, `out/linux_${arch}/arm64`), "utf8");
  expect(read("arm64")).toBe("other arm64\n");
  expect(read("amd64")).toBe("base arm64\n");
}, 60_000);

test("a platform that the other target is not built for is refused", async () => {
  const cwd = project();
  const platforms = ["--set", "app.platform=linux/amd64", "--set", "app.platform=linux/riscv64"];
  const refused = await engine.wharf(["bake", "app", ...platforms], { cwd });
  expect(refused.stderr).toContain("target base can't be used by app");
  expect(refused.exitCode).toBe(1);
}, 30_000);

test.skipIf(!hasBuildx)(
  "docker buildx bake takes what is for the same platform",
  async () => {
    addBuildx(engine);
    const cwd = project();
    const words = ["buildx", "bake", "--progress=plain", "app", "one"];
    const built = await engine.docker(words, { cwd });
    expect(built.stderr).not.toContain("ERROR");
    expect(built.exitCode).toBe(0);
    expectEachItsOwn(cwd);
    expect(readFileSync(join(cwd, "one/arch"), "utf8")).toBe("base arm64\n");
  },
  60_000,
);
