// A user builds on an image that lies in a folder, as other tools write it: no registry, no load.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addBuildx, hasBuildx } from "../../harness/build/buildx.ts";
import { mustRun } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
let layout: string;
let digest: string;
let next = 1;

beforeAll(async () => {
  engine = await startEngine();
  addBuildx(engine);
  const made = folderOf("FROM busybox\nENV COLOUR=green\nRUN echo in the layout > /lies\n");
  const archive = join(engine.root, "made.tar");
  await engine.mustWharf("build", "-q", "-o", `type=oci,name=made:v1,dest=${archive}`, made);
  layout = join(engine.root, "layout");
  mkdirSync(layout);
  await mustRun(["tar", "-C", layout, "-xf", archive]);
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as {
    manifests: { digest: string }[];
  };
  digest = index.manifests[0]?.digest ?? "";
  // what comes has to come from the folder
  await engine.mustWharf("builder", "prune", "-af");
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

function folderOf(dockerfile: string): string {
  const folder = join(engine.root, `context-${next++}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "Dockerfile"), dockerfile);
  return folder;
}

const USES =
  "FROM base\nCOPY --from=other /lies /copied\nRUN cat /copied && test $COLOUR = green\n";

test("an image of a folder is a base and a source of files, by its tag and by its digest", async () => {
  const words = [
    ...["--build-context", `base=oci-layout://${layout}:v1`],
    ...["--build-context", `other=oci-layout://${layout}@${digest}`],
  ];
  await engine.mustWharf("build", "-q", "-t", "uses", ...words, folderOf(USES));
  expect(await engine.mustWharf("run", "--rm", "uses", "cat", "/copied", "/lies")).toBe(
    "in the layout\nin the layout",
  );
  // it has got no name here
  expect(await engine.mustWharf("image", "ls", "-q", "made")).toBe("");
}, 60_000);

test.skipIf(!hasBuildx)(
  "docker buildx build takes it from there too",
  async () => {
    const words = [
      ...["--build-context", `base=oci-layout://${layout}:v1`],
      ...["--build-context", `other=oci-layout://${layout}:v1`],
    ];
    const built = await engine.docker(["buildx", "build", "-t", "usesx", ...words, folderOf(USES)]);
    expect(built.stderr).toContain("DONE");
    expect(built.exitCode).toBe(0);
  },
  60_000,
);

test("what is not in the folder is named, also where it lies about itself", async () => {
  const folder = folderOf("FROM base\nRUN true\n");
  const failing = async (context: string): Promise<string> => {
    const words = ["build", "--no-cache", "--build-context", `base=${context}`, folder];
    const { exitCode, stderr } = await engine.wharf(words);
    expect(exitCode).toBe(1);
    return stderr;
  };
  expect(await failing("oci-layout:///nowhere:v1")).toContain(
    'oci-layout reference "oci-layout:///nowhere:v1" could not be resolved: ',
  );
  const none = `sha256:${"0".repeat(64)}`;
  expect(await failing(`oci-layout://${layout}@${none}`)).toContain(`content ${none}: not found`);
  const lying = join(engine.root, "lying");
  await mustRun(["cp", "-a", layout, lying]);
  const blob = join(lying, "blobs/sha256", digest.replace("sha256:", ""));
  writeFileSync(
    blob,
    readFileSync(blob, "utf8").replace('"schemaVersion":2', '"schemaVersion":2 '),
  );
  expect(await failing(`oci-layout://${lying}:v1`)).toContain(
    `the client has another ${digest} than it says`,
  );
  const two = join(engine.root, "two");
  await mustRun(["cp", "-a", layout, two]);
  const index = readFileSync(join(two, "index.json"), "utf8");
  const entry = /"manifests":\[(.*)\]/.exec(index)?.[1] ?? "";
  const twice = `"manifests":[${entry},${entry.replace('ref.name":"v1', 'ref.name":"v2')}]`;
  writeFileSync(join(two, "index.json"), index.replace(/"manifests":\[.*\]/, twice));
  expect(await failing(`oci-layout://${two}`)).toContain(
    'no image there has the tag "latest": there are v1, v2',
  );
}, 60_000);
