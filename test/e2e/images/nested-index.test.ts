// An index that names another index goes through archives and registries as it is, byte for byte.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { DockerRegistry } from "../../harness/registry/docker-registry.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { writeOciLayout } from "../../harness/images/oci-layout.ts";
import { sha256 } from "../../harness/registry/registry-client.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const folder = mkdtempSync("/var/tmp/wharf-nested-");
let engine: TestEngine;
let server: RegistryServer;
let docker: DockerRegistry;
let outer = "";
let inner = "";

beforeAll(async () => {
  [engine, server, docker] = await Promise.all([
    startEngine({ images: [] }),
    RegistryServer.open({ flags: ["--auth", "none"] }),
    DockerRegistry.start(),
  ]);
  const innerDigest = await writeOciLayout(folder, ["amd64", "arm64"]);
  inner = readFileSync(join(folder, "blobs", innerDigest.replace(":", "/")), "utf8");
  const entry = { mediaType: INDEX, digest: innerDigest, size: inner.length };
  const named = ["amd64", "arm64"].map((architecture) => ({
    ...entry,
    platform: { os: "linux", architecture },
  }));
  // blanks that nobody would write again
  outer = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: named }, null, 5);
  writeFileSync(join(folder, "blobs", sha256(outer).replace(":", "/")), outer);
  const annotations = { "io.containerd.image.name": "docker.io/library/nested:1" };
  const top = { mediaType: INDEX, digest: sha256(outer), size: outer.length, annotations };
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [top] }));
  const archive = join(folder, "nested.tar");
  await mustRun(["tar", "-cf", archive, "-C", folder, "blobs", "index.json", "oci-layout"]);
  await engine.mustWharf("load", "-qi", archive);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await Promise.all([server, docker].map((one) => one[Symbol.asyncDispose]()));
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function documentOf(url: string, reference: string): Promise<string> {
  const headers = { Accept: INDEX };
  return await (await fetch(`${url}/v2/nested/manifests/${reference}`, { headers })).text();
}

test("it is pushed whole, and pulled again for each platform", async () => {
  for (const [host, url] of [
    [server.host, server.url],
    [docker.address, `http://${docker.address}`],
  ] as const) {
    const name = `${host}/nested:1`;
    await engine.mustWharf("tag", "nested:1", name);
    await engine.mustWharf("push", "-q", name);
    expect(await documentOf(url, "1")).toBe(outer);
    expect(await documentOf(url, sha256(inner))).toBe(inner);
  }
  const [here, other] = [`${server.host}/nested:1`, `${docker.address}/nested:2`];
  await engine.mustWharf("rmi", here, `${docker.address}/nested:1`, "nested:1");
  expect(await engine.mustWharf("images", "-aq")).toBe("");
  for (const architecture of ["amd64", "arm64"]) {
    await engine.mustWharf("pull", "-q", "--platform", `linux/${architecture}`, here);
  }
  await engine.mustWharf("tag", here, other);
  await engine.mustWharf("push", "-q", other);
  expect(await documentOf(`http://${docker.address}`, "2")).toBe(outer);
}, 60_000);
