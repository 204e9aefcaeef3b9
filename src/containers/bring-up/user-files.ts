import { closeSync, constants, openSync, readSync } from "node:fs";
import { holdInRoot } from "#containers/mounts/hold-in-root.ts";
import type { UserFiles } from "#containers/oci-spec/user.ts";

const MAX_BYTES = 4 * 1024 * 1024;

/** /etc/passwd and /etc/group of the tree at `rootPath`; what is no regular file reads as empty. */
export function readUserFiles(rootPath: string): UserFiles {
  return {
    passwd: readInRoot(rootPath, "/etc/passwd"),
    group: readInRoot(rootPath, "/etc/group"),
  };
}

function readInRoot(rootPath: string, path: string): string {
  using held = holdInRoot(rootPath, path);
  if (!held?.stats.isFile()) return "";
  const descriptor = openSync(held.handle, constants.O_RDONLY);
  try {
    const buffer = new Uint8Array(Math.min(held.stats.size, MAX_BYTES));
    const length = buffer.byteLength === 0 ? 0 : readSync(descriptor, buffer);
    return new TextDecoder().decode(buffer.subarray(0, length));
  } finally {
    closeSync(descriptor);
  }
}
