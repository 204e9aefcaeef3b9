import { readSync, writeSync } from "node:fs";
import { messageOf, WharfError } from "#base/errors.ts";
import type { BuildJob, BuildJobResults, BuildReport } from "#builder/files/protocol.ts";
import { openArchiveSyscalls } from "#host/archive/syscalls.ts";
import { openLibc } from "#host/linux/ffi/libc.ts";
import { applyActions } from "./apply-actions.ts";
import { digestSelection, listSelections } from "./digest-tree.ts";
import type { BuildTools } from "./tools.ts";
import { takeInventory } from "./take-inventory.ts";
import { writeLayer } from "./write-layer.ts";

const SOCKET = 3;
const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/**
 * The child process that works on the files of builds: `worker build <pid of the daemon>`. Jobs come one by one as lines
 * on descriptor 3 and are answered there; it ends with the daemon.
 *
 * @returns Exit code.
 */
export async function runBuildWorker(args: readonly string[]): Promise<number> {
  const [parentPid] = args;
  const tools: BuildTools = { libc: openLibc(), syscalls: openArchiveSyscalls() };
  tools.syscalls.endWithParent();
  if (process.ppid !== Number(parentPid)) return 1;
  process.umask(0);
  for (const line of readLines()) report(await answerOf(line, tools));
  return 0;
}

async function answerOf(line: string, tools: BuildTools): Promise<BuildReport> {
  try {
    // the daemon is the only one that starts this, with what its own code wrote
    return { type: "done", result: await run(JSON.parse(line) as BuildJob, tools) };
  } catch (error) {
    const kind = error instanceof WharfError ? error.kind : "failed-precondition";
    return { type: "error", kind, message: messageOf(error) };
  }
}

async function run(
  job: BuildJob,
  tools: BuildTools,
): Promise<BuildJobResults[keyof BuildJobResults]> {
  switch (job.kind) {
    case "layer":
      return writeLayer(job, tools);
    case "apply":
      return { written: await applyActions(job, tools) };
    case "list":
      return listSelections(job.selections, job.most, tools);
    case "digest":
      return job.selections.map((selection) => digestSelection(selection, tools) ?? null);
    case "inventory":
      return takeInventory(job.root);
  }
}

function report(line: BuildReport): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let at = 0; at < bytes.length; ) at += writeSync(SOCKET, bytes, at);
}

/** Ends with the daemon's end of the socket. */
function* readLines(): Generator<string> {
  let pending: Buffer[] = [];
  for (;;) {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    const length = readSync(SOCKET, buffer, 0, buffer.length, null);
    if (length === 0) return;
    pending.push(buffer.subarray(0, length));
    // the next job comes when this one is answered
    if (buffer[length - 1] !== NEWLINE) continue;
    const line = Buffer.concat(pending).toString();
    pending = [];
    yield line;
  }
}
