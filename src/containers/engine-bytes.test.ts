import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engineBytes } from "./engine-bytes.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wharf-engine-bytes-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

type Layers = Parameters<typeof engineBytes>[0];

function layers(layerForm: Layers["layerForm"]): Layers {
  return {
    layerForm,
    layerDirectory: (key) => join(root, key),
    stat: (key) =>
      key === "top" ? { name: key, kind: "active", createdMs: 0, parent: "image" } : undefined,
  };
}

function makeLink(layer: string, target = "/proc/mounts"): void {
  mkdirSync(join(root, layer, "etc"), { recursive: true });
  symlinkSync(target, join(root, layer, "etc/mtab"));
}

test("engineBytes() counts the link that the engine makes, and no other", () => {
  mkdirSync(join(root, "top"));
  expect(engineBytes(layers("overlay"), "top")).toBe(0);
  makeLink("top");
  expect(engineBytes(layers("overlay"), "top")).toBe(12);
  rmSync(join(root, "top/etc/mtab"));
  writeFileSync(join(root, "top/etc/mtab"), "/proc/mounts");
  expect(engineBytes(layers("overlay"), "top")).toBe(0);
});

test("engineBytes() counts nothing that a whole tree has of its image, or behind a container's link", () => {
  makeLink("image");
  makeLink("top");
  expect(engineBytes(layers("merged"), "top")).toBe(0);
  expect(engineBytes(layers("overlay"), "top")).toBe(12);
  rmSync(join(root, "top/etc"), { recursive: true });
  symlinkSync(join(root, "image/etc"), join(root, "top/etc"));
  expect(engineBytes(layers("overlay"), "top")).toBe(0);
});
