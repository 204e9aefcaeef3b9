import { expect, test } from "bun:test";
import { InvalidArgumentError } from "#base/errors.ts";
import { parseContainerId } from "#spec/ids.ts";
import { cgroupPathOf, checkCgroupParent, specCgroupPath } from "./cgroup-path.ts";

const id = parseContainerId("a".repeat(64));
const systemd = { cgroupParent: "system.slice", usesSystemdCgroups: true };
const plain = { cgroupParent: "wharf", usesSystemdCgroups: false };

test("checkCgroupParent() wants a slice with systemd, and any path without", () => {
  checkCgroupParent(systemd, "");
  checkCgroupParent(systemd, "test-inner.slice");
  checkCgroupParent(plain, "/some/where");
  for (const parent of ["/some/where", ".slice", "a/b.slice", "-a.slice"]) {
    expect(() => checkCgroupParent(systemd, parent)).toThrow(InvalidArgumentError);
  }
});

test("cgroupPathOf() nests slices by their dashes", () => {
  const hostConfig = { CgroupParent: "test-inner.slice" };
  expect(specCgroupPath(systemd, { id, hostConfig })).toBe(`test-inner.slice:wharf:${id}`);
  expect(cgroupPathOf(systemd, { id, hostConfig })).toBe(
    `/test.slice/test-inner.slice/wharf-${id}.scope`,
  );
  expect(cgroupPathOf(plain, { id, hostConfig: { CgroupParent: "/x/../y" } })).toBe(`/y/${id}`);
});
