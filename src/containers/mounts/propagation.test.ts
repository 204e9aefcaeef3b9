import { expect, test } from "bun:test";
import type { MountInfo } from "#host/mounts.ts";
import { checkPropagation } from "./propagation.ts";

const mount = (target: string, isShared: boolean, isSlave: boolean): MountInfo => ({
  ...{ id: 1, parentId: 0, root: "/", target, fsType: "ext4", source: "/dev/x" },
  ...{ options: [], superOptions: [], isShared, isSlave },
});
const mounts = [
  mount("/", false, false),
  mount("/shared", true, false),
  mount("/slave", false, true),
];

test.each([
  ["/shared/x", "rshared", undefined],
  ["/shared", "slave", undefined],
  ["/slave/x", "rslave", undefined],
  ["/home", "rprivate", undefined],
  ["/sharedx", "shared", "path /sharedx is mounted on / but it is not a shared mount"],
  ["/slave/x", "shared", "path /slave/x is mounted on /slave but it is not a shared mount"],
  ["/home", "rslave", "path /home is mounted on / but it is not a shared or slave mount"],
])("checkPropagation() of %s as %s", (path, propagation, message) => {
  const check = () => checkPropagation(path, path, propagation, mounts);
  if (message === undefined) expect(check).not.toThrow();
  else expect(check).toThrow(message);
});
