import { closeSync, openSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { resolveInRoot } from "./resolve-in-root.ts";

/**
 * Makes what Docker has in every container's root: `/.dockerenv`, by which programs tell that they run in
 * a container, and `/etc/mtab`, where older ones read the mounts. What the image has there stays.
 */
export function markAsContainer(rootPath: string): void {
  // exclusive: a symbolic link in its place is not followed
  unlessTaken(() => closeSync(openSync(join(rootPath, ".dockerenv"), "wx", 0o755)));
  const etc = resolveInRoot(rootPath, "/etc");
  if (etc !== undefined) unlessTaken(() => symlinkSync("/proc/mounts", join(etc, "mtab")));
}

function unlessTaken(make: () => void): void {
  try {
    make();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // an image may have a file for /etc
    if (code !== "EEXIST" && code !== "ENOTDIR") throw error;
  }
}
