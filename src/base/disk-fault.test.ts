import { expect, test } from "bun:test";
import { diskFaultOf, markDiskFault } from "./disk-fault.ts";
import { FailedPreconditionError } from "./errors.ts";

test("diskFaultOf() finds the fault in the chain of causes, with the path where it is known", () => {
  const full = Object.assign(new Error("full"), { code: "ENOSPC", path: "/x" });
  expect(diskFaultOf(new FailedPreconditionError("outer", { cause: full }))).toEqual({
    code: "ENOSPC",
    path: "/x",
  });
  expect(diskFaultOf(Object.assign(new Error("db"), { code: "SQLITE_FULL" }))).toEqual({
    code: "ENOSPC",
  });
  expect(diskFaultOf(Object.assign(new Error("gone"), { code: "ENOENT" }))).toBeUndefined();
  expect(diskFaultOf("ENOSPC")).toBeUndefined();
  const endless = new Error("itself");
  endless.cause = endless;
  expect(diskFaultOf(endless)).toBeUndefined();
});

test("markDiskFault() reads a child's words", () => {
  const error = new FailedPreconditionError("Cannot copy");
  expect(diskFaultOf(markDiskFault(error, "cp: write: Disk quota exceeded"))?.code).toBe("EDQUOT");
  const other = new FailedPreconditionError("Cannot copy");
  expect(diskFaultOf(markDiskFault(other, "cp: no such file"))).toBeUndefined();
});
