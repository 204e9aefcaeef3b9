import { expect, test } from "bun:test";
import type { ContainerId } from "#spec/ids.ts";
import { containerOfSnapshot, imageMountKey } from "./image-mounts.ts";

test("a snapshot's key names its container and is the target's own", () => {
  const id = "a".repeat(64) as ContainerId;
  const key = imageMountKey({ id }, { destination: "/img" });
  expect(containerOfSnapshot(key)).toBe(id);
  expect(containerOfSnapshot(id)).toBe(id);
  expect(containerOfSnapshot("sha256:chain")).toBeUndefined();
  expect(imageMountKey({ id }, { destination: "/other" })).not.toBe(key);
});
