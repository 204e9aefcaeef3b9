import { writeSync } from "node:fs";
import { NotFoundError } from "#base/errors.ts";
import { readDiskUsage } from "#host/linux/disk-usage.ts";
import type { DiskUsage } from "#host/files.ts";
import { errnoOf, errnos } from "#host/linux/ffi/errno.ts";
import type { MeasureReport } from "#upkeep/measure.ts";

const STDOUT = 1;

async function measure(path: string): Promise<DiskUsage | undefined> {
  try {
    return await readDiskUsage(path, Infinity);
  } catch (error) {
    if (error instanceof NotFoundError || errnoOf(error) === errnos.ENOENT) return undefined;
    throw error;
  }
}

/**
 * The child process that counts trees: `worker measure`, with a JSON list of paths on its input. It writes
 * a line of JSON for each.
 *
 * @returns Exit code.
 */
export async function runMeasureWorker(): Promise<number> {
  // the daemon is the only one that starts this, with what its own code wrote
  const paths = JSON.parse(await Bun.stdin.text()) as readonly string[];
  for (const path of paths) {
    const usage = await measure(path);
    const report: MeasureReport = { path, ...(usage && { usage }) };
    writeSync(STDOUT, `${JSON.stringify(report)}\n`);
  }
  return 0;
}
