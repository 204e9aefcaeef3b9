import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/**
 * Files that were written after a time, below a path or the path itself.
 *
 * @param sinceMs Since 1970.
 * @param isIdle Folders that are left out.
 */
export function newerFiles(
  path: string,
  sinceMs: number,
  isIdle: (folder: string) => boolean,
): readonly string[] {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats) return [];
  if (!stats.isDirectory()) return stats.mtimeMs > sinceMs ? [path] : [];
  if (isIdle(path)) return [];
  return readdirSync(path).flatMap((name) => newerFiles(join(path, name), sinceMs, isIdle));
}
