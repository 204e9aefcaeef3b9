import { describe, expect, test } from "bun:test";
import { InvalidArgumentError, messageOf, WharfError } from "#base/errors.ts";
import type { MountInfo } from "#host/mounts.ts";
import { explainDiskFault, type FileSystemFacts, openDiskFaultExplainer } from "./disk-fault.ts";

const facts: FileSystemFacts = {
  mountPoint: "/data",
  type: "ext4",
  source: "/dev/sdb1",
  sizeBytes: 10e9,
  freeBytes: 0,
  inodes: 1000,
  freeInodes: 5,
  isReadOnly: false,
};

function mountAt(target: string, fsType: string, superOptions: readonly string[]): MountInfo {
  const source = `/dev/${fsType}`;
  return {
    id: 1,
    parentId: 0,
    root: "/",
    target,
    fsType,
    source,
    options: ["rw"],
    superOptions,
    isShared: false,
    isSlave: false,
  };
}

function fault(code: string, path?: string): Error {
  return Object.assign(new Error(`${code}: it failed`), { code, ...(path ? { path } : {}) });
}

describe("explainDiskFault()", () => {
  test("names the file system, its mount point and what to do", () => {
    expect(explainDiskFault("ENOSPC", facts)).toBe(
      '/data (ext4 on /dev/sdb1) has 0B of 10GB free; see what uses it with "wharf system df -v", ' +
        'free some with "wharf system prune" or "wharf rm"',
    );
    expect(explainDiskFault("ENOSPC", { ...facts, freeInodes: 0 })).toContain(
      "has none of its 1000 inodes free",
    );
    expect(explainDiskFault("ENOSPC", { ...facts, freeBytes: 5e9 })).toContain(
      "although it counts 5GB free: the device below it may be full",
    );
    expect(explainDiskFault("EDQUOT", facts)).toContain("the quota on /data");
    expect(explainDiskFault("EROFS", { ...facts, isReadOnly: true })).toContain("is read-only");
    expect(explainDiskFault("EIO", facts)).toContain("its disk fails: see dmesg");
  });

  test("takes a read-only overlay on a full disk for what it is", () => {
    expect(explainDiskFault("EROFS", facts)).toContain("0B of 10GB free");
  });
});

describe("openDiskFaultExplainer()", () => {
  const explain = openDiskFaultExplainer(
    {
      list: () => [
        mountAt("/", "ext4", ["ro"]),
        mountAt("/proc", "proc", []),
        mountAt("/sys/fs/cgroup", "cgroup", []),
      ],
    },
    "/",
  );

  test("gives a fault without a path, or deep in a cause, the data root's words", () => {
    const cause = fault("SQLITE_IOERR_WRITE");
    const said = explain(new InvalidArgumentError("Cannot write", { cause }));
    expect(said).toBeInstanceOf(WharfError);
    expect((said as WharfError).kind).toBe("failed-precondition");
    expect(messageOf(said)).toContain("Cannot write: input/output error: / (ext4 on /dev/ext4)");
    expect(messageOf(explain(fault("EROFS", "/none/such")))).toContain("is read-only");
    expect((explain(fault("ENOSPC", "/etc")) as WharfError).kind).toBe("resource-exhausted");
  });

  test("leaves what no disk said", () => {
    for (const error of [
      new InvalidArgumentError("bad"),
      fault("ENOENT", "/etc"),
      fault("ENOSPC", "/sys/fs/cgroup/cpuset/cpuset.cpus"),
      "text",
    ]) {
      expect(explain(error)).toBe(error);
    }
  });
});
