// A registry sends other bytes than the digest says that was asked for. No build takes them, by FROM or by COPY --from, whichever
// client asks: each is told which digest it is about, nothing of the lie is kept, and the truth is taken right after.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addBuildx, hasBuildx } from "../../harness/build/buildx.ts";
import type { CommandResult } from "../../harness/command.ts";
import { hasDockerCli, startEngine, type TestEngine } from "../../harness/engine.ts";
import { type Lie, LyingRegistry } from "../../harness/registry/lying-registry.ts";

let engine: TestEngine;
let registry: LyingRegistry;
let folder: string;

beforeAll(async () => {
  registry = new LyingRegistry();
  await registry.listen();
  engine = await startEngine({ images: [] });
  addBuildx(engine);
  folder = join(engine.root, "context");
  mkdirSync(folder);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const DOORS: Readonly<Record<string, { readonly isThere: boolean; readonly buildkit?: string }>> = {
  "the classic API": { isThere: hasDockerCli, buildkit: "0" },
  buildx: { isThere: hasBuildx, buildkit: "1" },
  "wharf build": { isThere: true },
};

/** Names the image so that the lie is met, and what the client is told of. */
function lieOf(lie: Lie): { readonly reference: string; readonly words: readonly string[] } {
  const { manifest, index, config, layer } = registry.digests;
  const tagged = `${registry.host}/base:latest`;
  switch (lie) {
    case "manifest":
      return { reference: `${registry.host}/base@${manifest}`, words: [manifest] };
    case "index":
      return { reference: `${registry.host}/base@${index}`, words: [index] };
    case "manifest of an index":
      return { reference: `${registry.host}/base:indexed`, words: [manifest] };
    case "config":
      return { reference: tagged, words: [config] };
    case "diff id":
      return { reference: tagged, words: ["invalid diffID for layer 0", registry.diffId] };
    default:
      return { reference: tagged, words: [layer] };
  }
}

/** What the engine has of images and layers. */
async function kept(): Promise<object> {
  const usage: unknown = await (await engine.api("GET", "/v1.44/system/df")).json();
  const blobs = readdirSync(join(engine.root, "data/content/blobs/sha256"));
  const { Images, BuildCache } = usage as { Images: unknown[]; BuildCache: { Type: string }[] };
  // contexts are no business of the registry's
  const cached = BuildCache.filter(({ Type }) => Type !== "source.local");
  return { images: Images.length, cached: cached.length, blobs: blobs.length };
}

describe.each(Object.entries(DOORS))("by %s", (_name, { isThere, buildkit }) => {
  async function build(...lines: readonly string[]): Promise<CommandResult> {
    writeFileSync(join(folder, "Dockerfile"), `${lines.join("\n")}\n`);
    const args = ["build", "-t", "lied", folder];
    if (buildkit === undefined) return await engine.wharf(args);
    return await engine.docker(args, { env: { DOCKER_BUILDKIT: buildkit } });
  }

  test
    .skipIf(!isThere)
    .each<Lie>([
      ...(["manifest", "index", "manifest of an index", "config", "layer"] as const),
      ...(["layer length", "layer cut", "diff id"] as const),
    ])("a lie about the %s is told by its digest, and nothing of it is kept", async (lie) => {
    registry.lie = lie;
    const { reference, words } = lieOf(lie);
    const before = await kept();
    const files: readonly (readonly string[])[] = [
      [`FROM ${reference}`],
      ["FROM scratch", `COPY --from=${reference} /file /copied`],
    ];
    for (const lines of files) {
      const built = await build(...lines);
      expect(built.exitCode).not.toBe(0);
      for (const word of words) expect(built.stdout + built.stderr).toContain(word);
      expect(await kept()).toEqual(before);
    }
  });

  test.skipIf(!isThere)("the truth is taken after the lies", async () => {
    registry.lie = "none";
    const built = await build("FROM scratch", `COPY --from=${registry.host}/base:latest /file /f`);
    expect(built).toMatchObject({ exitCode: 0 });
    await engine.mustDocker("rmi", "lied", `${registry.host}/base:latest`);
    await engine.mustWharf("builder", "prune", "-af");
  });
});
