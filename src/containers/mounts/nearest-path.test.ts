import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nearestPath } from "./nearest-path.ts";

const dir = mkdtempSync(join(tmpdir(), "nearest-"));
afterAll(() => rmSync(dir, { recursive: true }));
mkdirSync(join(dir, "config/nginx"), { recursive: true });
writeFileSync(join(dir, "config/nginx/site.conf"), "");

test("nearestPath() finds the name that was mistyped, anywhere in the path", () => {
  const file = join(dir, "config/nginx/site.conf");
  expect(nearestPath(join(dir, "config/nginx/site.cof"))).toBe(file);
  expect(nearestPath(join(dir, "confg/nginx/site.conf"))).toBe(file);
});

test("nearestPath() suggests nothing that is not there", () => {
  expect(nearestPath(join(dir, "confg/nginx/other"))).toBeUndefined();
  expect(nearestPath(join(dir, "something"))).toBeUndefined();
  expect(nearestPath(join(dir, "config/nginx/site.conf/below"))).toBeUndefined();
  expect(nearestPath("/no-such-folder-at-all/x")).toBeUndefined();
});
