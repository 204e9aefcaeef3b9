import { openSync, writeSync } from "node:fs";
import { diskFaultOf } from "#base/disk-fault.ts";
import { InternalError, messageOf, WharfError } from "#base/errors.ts";
import type { UnpackJob, UnpackReport } from "#images/unpack/protocol.ts";
import { growingFeed, wholeFeed } from "#images/unpack/blob-feed.ts";
import { unpackLayer } from "#images/unpack/unpack-layer.ts";
import { openArchiveSyscalls } from "#host/archive/syscalls.ts";

const STDIN = 0;
const STDOUT = 1;
const PROGRESS_STEP_BYTES = 4 * 1024 * 1024;

function report(line: UnpackReport): void {
  writeSync(STDOUT, `${JSON.stringify(line)}\n`);
}

/** A blob that has arrived between the daemon's look and ours has moved to its place. */
function openBlob({ blobPath, movedPath }: UnpackJob): number {
  try {
    return openSync(blobPath, "r");
  } catch (error) {
    if (movedPath === undefined) throw error;
    return openSync(movedPath, "r");
  }
}

/**
 * The child process that unpacks one layer: `worker unpack <job as JSON>`. It changes its root to the
 * layer's folder before the first byte is written, so that no path of the tar leads out, and reports
 * by lines of JSON.
 *
 * @returns Exit code: 0 with a result, 1 with an error.
 */
export async function runUnpackWorker(args: readonly string[]): Promise<number> {
  try {
    const [json] = args;
    if (json === undefined) throw new InternalError("Unpacking was started without a job");
    // the daemon is the only one that starts this, with what its own code wrote
    const job = JSON.parse(json) as UnpackJob;
    const syscalls = openArchiveSyscalls();
    syscalls.endWithParent();
    if (process.ppid !== job.parentPid) return 1;
    const descriptor = openBlob(job);
    syscalls.changeRoot(job.directory);
    process.umask(0);
    let nextBytes = 0;
    const feed =
      job.arrivingBytes === undefined
        ? wholeFeed(descriptor)
        : growingFeed(descriptor, STDIN, job.arrivingBytes);
    const result = await unpackLayer(feed, job, syscalls, (readBytes) => {
      if (readBytes < nextBytes) return;
      nextBytes = readBytes + PROGRESS_STEP_BYTES;
      report({ type: "progress", readBytes });
    });
    report({ type: "result", result });
    return 0;
  } catch (error) {
    const kind = error instanceof WharfError ? error.kind : "internal";
    const diskFault = diskFaultOf(error)?.code;
    report({
      type: "error",
      kind,
      message: messageOf(error),
      ...(diskFault === undefined ? {} : { diskFault }),
    });
    return 1;
  }
}
