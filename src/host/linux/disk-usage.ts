import type { Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { DiskUsage } from "#host/files.ts";
import { errnoOf, errnos } from "./ffi/errno.ts";

/** Requests under way at once: enough to keep Bun's I/O threads busy, few enough to hold memory down. */
const ENTRIES_AT_ONCE = 256;

/**
 * Sums up a tree: hard links once, crossing no mount, entries that vanish meanwhile left out. The reading
 * is done by Bun's I/O threads, so the JS thread never waits for the disk.
 *
 * @returns Undefined when there are more than `maxInodes`.
 * @throws As lstat does when `path` itself is not there.
 */
export async function readDiskUsage(
  path: string,
  maxInodes: number,
): Promise<DiskUsage | undefined> {
  const root = await lstat(path);
  const seen = new Set<number>();
  let blocks = 0;
  let apparentBytes = 0;
  let inodes = 0;

  const add = (stats: Stats): void => {
    if (stats.nlink > 1 && !stats.isDirectory()) {
      if (seen.has(stats.ino)) return;
      seen.add(stats.ino);
    }
    blocks += stats.blocks;
    inodes += 1;
    if (!stats.isDirectory()) apparentBytes += stats.size;
  };

  add(root);
  const folders = root.isDirectory() ? [path] : [];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const names = await unlessGone(readdir(folder), []);
    if (inodes + names.length > maxInodes) return undefined;
    for (let start = 0; start < names.length; start += ENTRIES_AT_ONCE) {
      const entries = names.slice(start, start + ENTRIES_AT_ONCE).map((name) => join(folder, name));
      const found = await Promise.all(entries.map((entry) => unlessGone(lstat(entry), undefined)));
      for (const [index, stats] of found.entries()) {
        if (stats === undefined || stats.dev !== root.dev) continue;
        add(stats);
        const entry = entries[index];
        if (stats.isDirectory() && entry !== undefined) folders.push(entry);
      }
    }
  }
  return { bytes: blocks * 512, apparentBytes, inodes };
}

async function unlessGone<T, U>(reading: Promise<T>, fallback: U): Promise<T | U> {
  try {
    return await reading;
  } catch (error) {
    if (errnoOf(error) === errnos.ENOENT) return fallback;
    throw error;
  }
}
