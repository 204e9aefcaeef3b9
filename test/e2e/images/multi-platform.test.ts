// A user has images for several platforms: pulls one or more of them, looks at them, and passes all of it on.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { pushIndex, type PushedIndex } from "../../harness/images/index-image.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";

interface Manifest {
  readonly ID: string;
  readonly Available: boolean;
  readonly Kind: string;
  readonly Size: { readonly Content: number; readonly Total: number };
  readonly ImageData?: {
    readonly Platform: { readonly architecture: string };
    readonly Identity?: object;
  };
  readonly AttestationData?: { readonly For: string };
}

const folder = mkdtempSync("/var/tmp/wharf-e2e-platforms-");
let server: RegistryServer;
let engine: TestEngine;
let pushed: PushedIndex;
let app = "";

beforeAll(async () => {
  [server, engine] = await Promise.all([
    RegistryServer.open({ flags: ["--auth", "none"] }),
    startEngine({ images: [] }),
  ]);
  pushed = await pushIndex(server.url, "multi/app", "1", ["amd64", "arm64"]);
  app = `${server.host}/multi/app:1`;
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function inRegistry(repository: string, reference: string): Promise<string> {
  const answer = await fetch(`${server.url}/v2/multi/${repository}/manifests/${reference}`, {
    headers: { Accept: "*/*" },
  });
  return await answer.text();
}

async function manifests(query = "manifests=1"): Promise<readonly Manifest[]> {
  const answer = await engine.api("GET", `/images/json?${query}`);
  const images = (await answer.json()) as { Manifests: readonly Manifest[] }[];
  expect(images).toHaveLength(1);
  return images[0]?.Manifests ?? [];
}

function blobs(of: TestEngine): readonly string[] {
  return readdirSync(join(of.root, "data/content/blobs/sha256"));
}

describe("an image of two platforms and their attestations", () => {
  test("is pulled for one, and says what else there is", async () => {
    const pulled = await engine.mustDocker("pull", app);
    expect(pulled).toContain(`Digest: ${pushed.digest}`);
    const found = await manifests();
    const [amd = "", arm = ""] = [pushed.manifests["amd64"], pushed.manifests["arm64"]];
    expect(found.map((one) => [one.Kind, one.Available])).toEqual([
      ["image", true],
      ["image", false],
      ["attestation", true],
      ["attestation", false],
    ]);
    const subjects = found.map((one) => one.AttestationData?.For ?? one.ID);
    expect(subjects).toEqual([amd, arm, amd, arm]);
    expect(found[1]?.Size).toEqual({ Content: 0, Total: 0 });
    const tree = await engine.mustWharf("image", "ls", "--tree");
    expect(tree).toMatch(/├─ linux\/amd64[^]*└─ linux\/arm64 .* 0B/);
  }, 60_000);

  test("its statements are told", async () => {
    const path = `/images/${encodeURIComponent(app)}/attestations`;
    const plain = await (await engine.api("GET", path)).json();
    expect(plain).toEqual([
      {
        Descriptor: expect.objectContaining({ mediaType: "application/vnd.in-toto+json" }),
        PredicateType: "https://slsa.dev/provenance/v0.2",
      },
    ]);
    const whole = await (
      await engine.api("GET", `${path}?statement=1&type=https://slsa.dev/provenance/v0.2`)
    ).json();
    expect(whole).toMatchObject([{ Statement: { about: "amd64" } }]);
    expect(await (await engine.api("GET", `${path}?type=other`)).json()).toEqual([]);
    const arm = encodeURIComponent('{"os":"linux","architecture":"arm64"}');
    const missing = await engine.api("GET", `${path}?platform=${arm}`);
    expect(missing.status).toBe(404);
  }, 30_000);

  test("is pushed alone where the rest is missing, which the client is told", async () => {
    const copy = `${server.host}/multi/single:1`;
    await engine.mustDocker("tag", app, copy);
    const answer = await engine.api("POST", `/images/${server.host}/multi/single/push?tag=1`);
    expect(await answer.text()).toContain('"manifestPushedInsteadOfIndex":true');
    const ours = await engine.mustWharf("push", copy);
    expect(ours).toContain("Not all multiplatform-content is present");
    expect(JSON.parse(await inRegistry("single", "1"))).toMatchObject({ layers: [{}] });
    expect((await engine.docker(["push", "--platform", "linux/arm64", copy])).stderr).toContain(
      "does not match the specified platform (linux/arm64)",
    );
    await engine.mustDocker("rmi", copy);
  }, 60_000);

  test("gets its second platform beside the first", async () => {
    await engine.mustDocker("pull", "--platform", "linux/arm64", app);
    expect((await manifests("manifests=1&identity=1")).map((one) => one.Available)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    const architecture = async (...flags: readonly string[]): Promise<string> =>
      await engine.mustWharf("image", "inspect", ...flags, "-f", "{{.Architecture}}", app);
    expect(await architecture("--platform", "linux/amd64")).toBe("amd64");
    expect(await architecture("--platform", "linux/arm64")).toBe("arm64");
    const history = ["history", "--no-trunc", "--format", "{{.CreatedBy}}", "--platform"];
    expect(await engine.mustWharf(...history, "linux/amd64", app)).toBe("made for amd64");
    expect(await engine.mustWharf(...history, "linux/arm64", app)).toBe("made for arm64");
    const platform = ["--platform", "linux/amd64"];
    const run = ["run", "--rm", "--network", "none", "--pull", "never", ...platform];
    expect(await engine.mustDocker(...run, app, "echo", "runs")).toBe("runs");
    expect(await engine.mustDocker("images", "-qf", "dangling=true")).toBe("");
    expect(await engine.mustDocker("image", "prune", "-f")).toContain("0B");
    const tree = await engine.mustWharf("image", "ls", "--tree");
    expect(tree).toMatch(/├─ linux\/amd64[^]*└─ linux\/arm64/);
    const s390x = await engine.wharf(["image", "inspect", "--platform", "linux/s390x", app]);
    expect(s390x.stderr).toContain("does not provide the specified platform (linux/s390x)");
  }, 60_000);

  test("is then pushed whole, byte for byte, or one platform of it", async () => {
    const copy = `${server.host}/multi/copy:1`;
    await engine.mustDocker("tag", app, copy);
    expect(await engine.mustDocker("push", copy)).toContain(`digest: ${pushed.digest}`);
    expect(await inRegistry("copy", "1")).toBe(pushed.text);
    for (const digest of Object.values(pushed.manifests)) {
      expect(await inRegistry("copy", digest)).toBe(await inRegistry("app", digest));
    }
    await engine.mustWharf("push", "--platform", "linux/amd64", copy);
    const amd = pushed.manifests["amd64"] ?? "";
    expect(await inRegistry("copy", "1")).toBe(await inRegistry("app", amd));
    await engine.mustDocker("rmi", copy);
  }, 60_000);

  test.each([
    ["all", [], true],
    ["both named", ["linux/amd64", "linux/arm64"], true],
    ["one", ["linux/arm64"], false],
  ])(
    "is saved and loaded elsewhere: %s",
    async (name, platforms, isWhole) => {
      const archive = join(folder, `${name}.tar`);
      const flags = platforms.flatMap((platform) => ["--platform", platform]);
      await engine.mustWharf("save", ...flags, "-o", archive, app);
      await using other = await startEngine({ images: [] });
      const load = isWhole ? flags : [];
      expect(await other.mustWharf("load", "-i", archive, ...load)).toContain(
        `Loaded image: ${app}`,
      );
      const arm = await other.wharf(["image", "inspect", "--platform", "linux/arm64", app]);
      const amd = await other.wharf(["image", "inspect", "--platform", "linux/amd64", app]);
      expect([arm.exitCode, amd.exitCode]).toEqual([0, isWhole ? 0 : 1]);
      expect(await other.mustWharf("push", app)).toContain("digest: ");
      expect((await inRegistry("app", "1")) === pushed.text).toBe(isWhole);
      await other.mustWharf("rmi", app);
      expect([await other.mustWharf("images", "-aq"), blobs(other)]).toEqual(["", []]);
    },
    60_000,
  );

  test("one platform is saved by the path of its name too", async () => {
    const platform = encodeURIComponent(JSON.stringify({ os: "linux", architecture: "arm64" }));
    const answer = await engine.api("GET", `/images/${app}/get?platform=${platform}`);
    expect(answer.status).toBe(200);
    const archive = join(folder, "by-name.tar");
    await Bun.write(archive, answer);
    const byNames = join(folder, "by-names.tar");
    await engine.mustWharf("save", "--platform", "linux/arm64", "-o", byNames, app);
    const [one, other] = [archive, byNames].map((path) =>
      Bun.spawnSync(["tar", "-xOf", path, "index.json"]).stdout.toString(),
    );
    expect(one).toContain('"manifests"');
    expect(one).toBe(other ?? "");
  }, 60_000);

  test("is removed by the platform, then as a whole", async () => {
    const remove = ["rmi", "--platform", "linux/arm64", app];
    expect(await engine.mustWharf(...remove)).toMatch(/^Deleted: sha256:[0-9a-f]{64}/);
    expect((await engine.wharf(remove)).stderr).toContain("does not match");
    expect(await engine.mustWharf("image", "inspect", "-f", "{{.Architecture}}", app)).toBe(
      "amd64",
    );
    await engine.mustDocker("pull", "-q", `${server.host}/multi/app@${pushed.digest}`);
    await engine.mustDocker(
      "pull",
      "-q",
      "--platform",
      "linux/arm64",
      `${server.host}/multi/app@${pushed.digest}`,
    );
    await engine.mustDocker("create", "--name", "user", "--platform", "linux/amd64", app);
    await engine.mustDocker("rm", "user");
    await engine.mustDocker(
      "rmi",
      "-f",
      ...(await engine.mustDocker("images", "-q", "--no-trunc")).split("\n"),
    );
    expect([await engine.mustDocker("images", "-aq"), blobs(engine)]).toEqual(["", []]);
  }, 60_000);

  test("is pulled again for either platform without a download", async () => {
    await pushIndex(server.url, "multi/again", "1", ["amd64", "arm64"]);
    const name = `${server.host}/multi/again:1`;
    for (const architecture of ["amd64", "arm64", "amd64"]) {
      await engine.mustDocker("pull", "-q", "--platform", `linux/${architecture}`, name);
    }
    const up = await engine.mustDocker("pull", "--platform", "linux/arm64", name);
    expect(up).toContain("Image is up to date");
    expect((await engine.mustDocker("images", "-q")).split("\n")).toHaveLength(1);
  }, 60_000);
});
