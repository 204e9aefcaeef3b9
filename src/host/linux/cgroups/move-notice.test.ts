import { expect, test } from "bun:test";
import { ownGroup } from "./move-notice.ts";

const hybrid = "5:name=systemd:/system.slice\n2:cpu,cpuacct:/a:b\n0::/unified\n";

test.each([
  ["cpuacct", "/a:b"],
  ["name=systemd", "/system.slice"],
  ["", "/unified"],
  ["memory", undefined],
])("ownGroup() of hierarchy %p is %p", (name, path) => {
  expect(ownGroup(hybrid, name)).toBe(path);
});
