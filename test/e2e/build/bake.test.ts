// A user has several images to build, and writes down how in a bake file.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { addBuildx, hasBuildx } from "../../harness/build/buildx.ts";
import type { CommandResult } from "../../harness/command.ts";
import { DockerRegistry } from "../../harness/registry/docker-registry.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
let next = 1;

beforeAll(async () => {
  engine = await startEngine();
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

/** Makes a folder with files. @returns Its path. */
function folder(files: Readonly<Record<string, string>>): string {
  const path = join(engine.root, `bake-${next++}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

async function bake(cwd: string, ...words: readonly string[]): Promise<CommandResult> {
  return await engine.wharf(["bake", "--progress=plain", ...words], { cwd });
}

const linked = {
  "docker-bake.hcl": `
variable "GREETING" { default = "hello" }
group "default" { targets = ["app"] }
target "base" {
  dockerfile-inline = <<-EOT
    FROM busybox
    RUN echo from-base > /base
    ENV BASE=yes
    EOT
}
target "files" {
  context = "files"
}
target "app" {
  contexts = { base = "target:base", files = "target:files" }
  args = { GREETING = GREETING }
  tags = ["baked-app"]
}
`,
  Dockerfile: [
    "FROM base",
    "ARG GREETING",
    "COPY --from=files /data /data",
    "RUN --mount=type=bind,from=files,target=/f echo $GREETING $BASE $(cat /f/data) > /out",
    'CMD ["cat", "/base", "/data", "/out"]',
  ].join("\n"),
  "files/Dockerfile": "FROM scratch\nCOPY data /data\n",
  "files/data": "DATA\n",
};

describe("wharf bake", () => {
  test("targets take files and bases from other targets, which are not made into images", async () => {
    const path = folder(linked);
    const built = await bake(path);
    expect(built.stderr).toContain("[base 2/2] RUN echo from-base");
    expect(built.exitCode).toBe(0);
    expect(await engine.mustWharf("run", "--rm", "baked-app")).toBe(
      "from-base\nDATA\nhello yes DATA",
    );
    expect(await engine.mustWharf("images", "-q", "--filter", "dangling=true")).toBe("");
    writeFileSync(join(path, "files/data"), "OTHER\n");
    const again = await bake(path, "--var", "GREETING=bye");
    expect(again.exitCode).toBe(0);
    expect(await engine.mustWharf("run", "--rm", "baked-app")).toBe(
      "from-base\nOTHER\nbye yes OTHER",
    );
  }, 60_000);

  test("several images come at once, with what their exporters said in a file", async () => {
    const path = folder({
      "docker-bake.json": JSON.stringify({
        group: { default: { targets: ["one", "two"] } },
        target: {
          one: { tags: ["baked-one"], labels: { n: "1" } },
          two: {
            inherits: ["one"],
            tags: ["baked-two"],
            args: { N: "2" },
            output: ["type=docker"],
          },
        },
      }),
      Dockerfile: "FROM busybox\nARG N\nRUN echo n=$N > /n\n",
    });
    const built = await bake(path, "--metadata-file", "meta.json", "--pull=false", "--no-cache");
    expect(built.exitCode).toBe(0);
    expect(await engine.mustWharf("run", "--rm", "baked-two", "cat", "/n")).toBe("n=2");
    const told = JSON.parse(readFileSync(join(path, "meta.json"), "utf8"));
    expect(Object.keys(told)).toEqual(["one", "two"]);
    expect(told.one["image.name"]).toContain("baked-one");
  }, 60_000);

  test("services of a Compose file are built, with what a bake file adds", async () => {
    const path = folder({
      "compose.yaml":
        "services:\n  web:\n    image: baked-web\n    build:\n      context: ./web\n      args: {A: one}\n",
      "docker-bake.override.hcl": 'target "web" {\n  args = { B = "two" }\n}\n',
      "web/Dockerfile": "FROM busybox\nARG A B\nRUN echo $A-$B > /ab\n",
    });
    expect((await bake(path)).exitCode).toBe(0);
    expect(await engine.mustWharf("run", "--rm", "baked-web", "cat", "/ab")).toBe("one-two");
  }, 60_000);

  test("files outside the folder are read and written only where that is allowed", async () => {
    const path = folder({
      "in/docker-bake.hcl": 'target "default" {\n  output = ["../out"]\n}\n',
      "in/Dockerfile": "FROM scratch\nCOPY Dockerfile /\n",
    });
    const refused = await bake(join(path, "in"));
    expect(refused.stderr).toContain('Pass "--allow=fs.write=.." to grant requested privileges.');
    expect(refused.stderr).toContain("additional privileges requested");
    expect(refused.exitCode).toBe(1);
    expect(existsSync(join(path, "out"))).toBe(false);
    expect((await bake(join(path, "in"), "--allow", "fs.write=..")).exitCode).toBe(0);
    expect(existsSync(join(path, "out/Dockerfile"))).toBe(true);
    const set = await bake(join(path, "in"), "--set", "*.output=type=local,dest=../set");
    expect(set.exitCode).toBe(0);
    expect(existsSync(join(path, "set/Dockerfile"))).toBe(true);
  }, 60_000);

  test("one failure ends the others, and says which target it was", async () => {
    const path = folder({
      "docker-bake.hcl":
        'group "default" {\n  targets = ["bad", "long"]\n}\ntarget "bad" {\n  dockerfile-inline = "FROM busybox\\nRUN exit 3\\n"\n}\ntarget "long" {\n  dockerfile-inline = "FROM busybox\\nRUN sleep 300\\n"\n}\n',
    });
    const failed = await bake(path);
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain("[bad 2/2] RUN exit 3");
    expect(failed.stderr).toContain("exit code: 3");
  }, 60_000);

  test("a mistake in the file is shown where it stands", async () => {
    const path = folder({ "docker-bake.hcl": 'target "default" {\n  dockerfil = "x"\n}\n' });
    const failed = await bake(path);
    expect(failed.stderr).toContain('   2 | >>>   dockerfil = "x"');
    expect(failed.stderr).toContain("docker-bake.hcl:2:3: Unsupported argument");
    expect(failed.stderr).toContain('Did you mean "dockerfile"?');
  });

  test("flags are short for --set: pushed, attested, uncached", async () => {
    await using registry = await DockerRegistry.start();
    const name = `${registry.address}/baked/app:1`;
    const path = folder({
      "bake.hcl": `target "app" {\n  tags = ["${name}"]\n}\n`,
      Dockerfile: "FROM busybox\nRUN date +%s%N > /when\n",
    });
    const words = ["-f", "bake.hcl", "app", "--provenance=mode=min", "--sbom=false"];
    const pushed = await bake(path, ...words, "--push");
    expect(pushed.stderr).toContain(`pushing ${name}`);
    expect(pushed.exitCode).toBe(0);
    const manifest = String(await registry.manifest("baked/app", "1"));
    expect(manifest).toContain("attestation-manifest");
    const loaded = await bake(path, ...words, "--load", "--no-cache");
    expect(loaded.stderr).not.toContain("CACHED");
    expect(await engine.mustWharf("images", "-q", name)).not.toBe("");
  }, 60_000);

  test("targets are checked without being built", async () => {
    const path = folder({
      "docker-bake.hcl":
        'target "default" {\n  dockerfile-inline = "FROM busybox\\nCMD echo hi\\n"\n}\n',
    });
    const checked = await bake(path, "--check");
    expect(checked.stdout).toContain("JSONArgsRecommended");
    expect(checked.exitCode).toBe(1);
  }, 30_000);
});

describe.skipIf(!hasBuildx)("docker buildx bake", () => {
  test("targets take files and bases from other targets", async () => {
    addBuildx(engine);
    const path = folder(linked);
    const built = await engine.docker(["buildx", "bake", "--progress=plain"], { cwd: path });
    expect(built.exitCode).toBe(0);
    expect(await engine.mustWharf("run", "--rm", "baked-app")).toBe(
      "from-base\nDATA\nhello yes DATA",
    );
  }, 60_000);
});
