// A user's line to the registry breaks again and again: pushes and pulls arrive all the same, whole and true.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { CuttingProxy } from "../../harness/registry/cutting-proxy.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { Random } from "../../harness/random.ts";
import { sha256 } from "../../harness/registry/registry-client.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";

const LARGE_BYTES = 5_000_000;
const random = new Random();
const folder = mkdtempSync("/var/tmp/wharf-faults-");
let engine: TestEngine;
let server: RegistryServer;
let proxy: CuttingProxy;
let content = "";

beforeAll(async () => {
  server = await RegistryServer.open({ flags: ["--auth", "none"] });
  proxy = await CuttingProxy.open(server.port);
  // few tries in a row: each connection lives for enough bytes to bring something on
  engine = await startEngine({ flags: ["--max-download-attempts", "4"] });
  const bytes = Buffer.from(Uint8Array.from({ length: LARGE_BYTES }, () => random.next() * 256));
  content = sha256(bytes);
  writeFileSync(join(folder, "large"), bytes);
  await mustRun(["tar", "-cf", join(folder, "large.tar"), "-C", folder, "large"]);
  await engine.mustWharf("import", join(folder, "large.tar"), "large:1");
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

async function expectWhole(repository: string): Promise<void> {
  const url = `${server.url}/v2/${repository}`;
  const answer = await fetch(`${url}/manifests/1`, { headers: { Accept: "*/*" } });
  const { config, layers } = (await answer.json()) as Manifest;
  for (const { digest } of [config, ...layers]) {
    const blob = await fetch(`${url}/blobs/${digest}`);
    expect(sha256(new Uint8Array(await blob.arrayBuffer()))).toBe(digest);
  }
}

test(`pushes and pulls over a line that breaks, seed ${random.seed}`, async () => {
  proxy.budget = () => random.between(200_000, 3_000_000);
  const name = `${proxy.address}/broken/large:1`;
  await engine.mustWharf("tag", "large:1", name);
  await engine.mustWharf("push", name);
  expect(proxy.cuts).toBeGreaterThan(1);
  await expectWhole("broken/large");

  await engine.mustWharf("rmi", "-f", name, "large:1");
  const cutsBefore = proxy.cuts;
  await engine.mustWharf("pull", name);
  expect(proxy.cuts).toBeGreaterThan(cutsBefore);
  const container = await engine.mustWharf("create", name, "x");
  const target = join(folder, "back");
  await engine.mustWharf("cp", `${container}:/large`, target);
  expect(sha256(new Uint8Array(await Bun.file(target).arrayBuffer()))).toBe(content);
  await engine.mustWharf("rm", container);
  await engine.mustWharf("tag", name, "large:1");
}, 120_000);

test("a push over a line that is dead fails by name, and the next one does the rest", async () => {
  const name = `${proxy.address}/dead/large:1`;
  await engine.mustWharf("tag", "large:1", name);
  proxy.budget = () => 20;
  proxy.cutAll();
  const failed = await engine.wharf(["push", name]);
  expect(failed.exitCode).toBe(1);
  expect(failed.stderr).toContain(proxy.address);
  const missing = await fetch(`${server.url}/v2/dead/large/manifests/1`, {
    headers: { Accept: "*/*" },
  });
  expect(missing.status).toBe(404);
  proxy.budget = () => Infinity;
  await engine.mustWharf("push", name);
  await expectWhole("dead/large");
  expect(await engine.mustWharf("system", "check")).not.toContain("blob");
}, 120_000);
