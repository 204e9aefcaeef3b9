import {
  mkdirSync,
  mkdtempSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { WharfError } from "#base/errors.ts";
import type { Mounts } from "#host/mounts.ts";
import { errnoOf } from "#host/linux/ffi/errno.ts";

/**
 * Tries overlayfs with everything below `path`: the mount, a whiteout (a character device) and an opaque
 * folder (a trusted extended attribute). Without file types in its folders, a file system passes the
 * mount and fails at the whiteout.
 */
export function probeOverlay(mounts: Mounts, path: string): boolean {
  let folder: string;
  try {
    folder = mkdtempSync(join(path, "overlay-probe-"));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
  try {
    return worksIn(mounts, folder);
  } catch (error) {
    if (error instanceof WharfError || errnoOf(error) !== undefined) return false;
    throw error;
  } finally {
    mounts.unmount(join(folder, "merged"), { lazy: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

function worksIn(mounts: Mounts, folder: string): boolean {
  const [lower, upper, work, target] = ["lower", "upper", "work", "merged"].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  for (const each of [lower, upper, work, target]) mkdirSync(each);
  mkdirSync(join(lower, "folder"));
  writeFileSync(join(lower, "folder", "hidden"), "");
  writeFileSync(join(lower, "file"), "");
  mounts.mountOverlay({ target, lowerDirs: [lower], upperDir: upper, workDir: work });
  unlinkSync(join(target, "file"));
  rmSync(join(target, "folder"), { recursive: true });
  mkdirSync(join(target, "folder"));
  rmdirSync(join(target, "folder"));
  return statSync(join(upper, "file")).isCharacterDevice();
}
