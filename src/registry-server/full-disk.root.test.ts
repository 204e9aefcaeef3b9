import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmdirSync, writeFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "#spec/digest.ts";
import { errorCode, pushBlob, pushImage, TestRegistry } from "./testing/test-registry.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wharf-test-registry-"));
  run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder);
});
afterEach(() => {
  run("umount", folder);
  rmdirSync(folder);
});

function run(...argv: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...argv]);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr.toString()}`);
}

test("an upload that fills the disk is refused by 507, shows no blob, and goes on when there is room", async () => {
  await using registry = await TestRegistry.open({}, folder);
  const image = await pushImage(registry, "a/b", "v1");
  const begun = await registry.fetch("POST", "/v2/a/b/blobs/uploads/");
  const location = begun.headers.get("location") ?? "";
  const content = "0123456789".repeat(100_000);
  const digest = digestOf(content);
  // leaves room for a part of it, and for the database
  writeFileSync(join(folder, "ballast"), Buffer.alloc(2_000_000));
  const refused: number[] = [];
  for (let tries = 0; tries < 3; tries++) {
    const answer = await registry.fetch("PATCH", location, { body: content.repeat(4) });
    refused.push(answer.status);
    expect(await errorCode(answer)).toBe("UNAVAILABLE");
  }
  expect(refused).toEqual([507, 507, 507]);
  expect((await registry.fetch("HEAD", `/v2/a/b/blobs/${digest}`)).status).toBe(404);
  // pulls go on
  const pulled = await registry.fetch("GET", "/v2/a/b/manifests/v1");
  expect(await pulled.text()).toBe(image.body);
  expect((await registry.fetch("GET", `/v2/a/b/blobs/${image.blobs[0]}`)).status).toBe(200);
  rmSync(join(folder, "ballast"));
  expect((await registry.fetch("DELETE", location)).status).toBe(204);
  expect(await pushBlob(registry, "a/b", content)).toBe(digest);
  expect(await (await registry.fetch("GET", `/v2/a/b/blobs/${digest}`)).text()).toBe(content);
});
