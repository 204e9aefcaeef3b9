import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { resolveInRoot } from "./resolve-in-root.ts";
import type { UserFiles } from "./oci-spec/user.ts";

const MAX_BYTES = 4 * 1024 * 1024;

/** /etc/passwd and /etc/group of the tree at `rootPath`; what is no regular file reads as empty. */
export function readUserFiles(rootPath: string): UserFiles {
  return {
    passwd: readInRoot(rootPath, "/etc/passwd"),
    group: readInRoot(rootPath, "/etc/group"),
  };
}

function readInRoot(rootPath: string, path: string): string {
  const resolved = resolveInRoot(rootPath, path);
  if (resolved === undefined) return "";
  // O_NONBLOCK: a fifo must not hold the engine; O_NOFOLLOW: a link put there since is not followed
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
  const descriptor = openSync(resolved, flags);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) return "";
    const buffer = new Uint8Array(Math.min(stats.size, MAX_BYTES));
    const length = buffer.byteLength === 0 ? 0 : readSync(descriptor, buffer);
    return new TextDecoder().decode(buffer.subarray(0, length));
  } finally {
    closeSync(descriptor);
  }
}
