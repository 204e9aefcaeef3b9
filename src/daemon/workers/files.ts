import { readSync, writeSync } from "node:fs";
import { assertNever, messageOf, WharfError } from "#base/errors.ts";
import { TarPushParser } from "#base/tar/push-parser.ts";
import type { FilesJob, FilesReport } from "#containers/files/protocol.ts";
import { packTree } from "#host/archive/pack-tree.ts";
import { RemovedFiles } from "#host/archive/removed-files.ts";
import { type ArchiveSyscalls, openArchiveSyscalls } from "#host/archive/syscalls.ts";
import { TreeWriter } from "#host/archive/write-tree.ts";
import { type Libc, openLibc } from "#host/linux/ffi/libc.ts";
import { changesJson, enterTree, packChanges } from "./changed-tree.ts";
import { actAsRootOf, dropRights, enterView } from "./container-view.ts";
import { decompressInto, openSource } from "./files-source.ts";
import { readLent, receiveInputHead } from "./lent-input.ts";
import { absolute, archiveName, statPath } from "./path-stat.ts";
import { checkTarget } from "./write-target.ts";

/** A pipe to the daemon: an archive goes out by it. */
const OUTPUT = 1;
/** A socket to the daemon: reports go out by it, an archive comes in. */
const SOCKET = 3;
const F_SETPIPE_SZ = 1031;
const JOB_CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
const PIPE_BYTES = 1024 * 1024;

interface Tools {
  readonly libc: Libc;
  readonly syscalls: ArchiveSyscalls;
}

function report(line: FilesReport): void {
  writeSync(SOCKET, `${JSON.stringify(line)}\n`);
}

/**
 * The child process that works on one container's files: `worker files <pid of the daemon>`. What a job refuses
 * it refuses before the line `ready`; data go by descriptors 1 and 3.
 *
 * @returns Exit code: 0 when all was done, 1 after an error.
 */
export async function runFilesWorker(args: readonly string[]): Promise<number> {
  try {
    const [parentPid] = args;
    const tools = { libc: openLibc(), syscalls: openArchiveSyscalls() };
    tools.syscalls.endWithParent();
    if (process.ppid !== Number(parentPid)) return 1;
    process.umask(0);
    const job = readJob();
    if (!job) return 0;
    await run(job, tools);
    report({ type: "done" });
    return 0;
  } catch (error) {
    const kind = error instanceof WharfError ? error.kind : "internal";
    report({ type: "error", kind, message: messageOf(error) });
    return 1;
  }
}

/**
 * The daemon sends an archive only when it was told that it may, so what comes first is the job alone.
 *
 * @returns Undefined when the daemon has none.
 */
function readJob(): FilesJob | undefined {
  const chunks: Buffer[] = [];
  for (;;) {
    const buffer = Buffer.allocUnsafe(JOB_CHUNK_BYTES);
    const length = readSync(SOCKET, buffer, 0, buffer.length, null);
    if (length === 0) return undefined;
    chunks.push(buffer.subarray(0, length));
    // the daemon is the only one that starts this, with what its own code wrote
    if (buffer[length - 1] === NEWLINE)
      return JSON.parse(Buffer.concat(chunks).toString()) as FilesJob;
  }
}

async function run(job: FilesJob, tools: Tools): Promise<void> {
  switch (job.kind) {
    case "stat":
      enter(job, tools);
      report({ type: "ready", stat: statPath(job.path) });
      return;
    case "pack":
      enter(job, tools);
      pack(job, tools);
      return;
    case "extract":
      await extract(job, tools);
      return;
    case "export": {
      enter(job, tools);
      report({ type: "ready" });
      const root = { path: Buffer.from("/"), name: Buffer.alloc(0), isContentOnly: true };
      send(
        tools,
        packTree(root, {
          syscalls: tools.syscalls,
          mappings: job.view.mappings,
          reusesBuffer: true,
        }),
      );
      return;
    }
    case "changes":
      enterTree(tools.libc, job.tree);
      report({ type: "ready" });
      send(tools, changesJson(job.tree.form, tools.syscalls));
      return;
    case "layer":
      enterTree(tools.libc, job.tree);
      report({ type: "ready" });
      send(tools, packChanges(job.tree.form, tools.syscalls));
      return;
    default:
      assertNever(job);
  }
}

function enter(job: Extract<FilesJob, { readonly view: unknown }>, tools: Tools): void {
  const { view } = job;
  enterView(tools.libc, view);
  if (view.mappings) actAsRootOf(tools.libc, view.mappings);
  dropRights(tools.libc);
}

function pack({ path, view }: Extract<FilesJob, { readonly kind: "pack" }>, tools: Tools): void {
  const { syscalls } = tools;
  const stat = statPath(path);
  report({ type: "ready", stat });
  const root = { path: Buffer.from(absolute(path)), name: Buffer.from(archiveName(path)) };
  send(tools, packTree(root, { syscalls, mappings: view.mappings, reusesBuffer: true }));
}

async function extract(
  job: Extract<FilesJob, { readonly kind: "extract" }>,
  tools: Tools,
): Promise<void> {
  const source = openSource(tools.libc, SOCKET, job.packing);
  enter(job, tools);
  const directory = checkTarget(job.path, job.view);
  report({ type: "ready" });
  const writer = new TreeWriter({
    syscalls: tools.syscalls,
    directory,
    keepsKinds: job.keepsKinds,
    setsDirectory: job.setsDirectory === true,
    owner: job.owner ?? "archived",
    mappings: job.view.mappings,
    removed: new RemovedFiles(),
  });
  try {
    const parser = new TarPushParser(writer);
    const take = (chunk: Buffer): void => parser.push(chunk);
    const head = job.hasInputHead === true ? receiveInputHead(tools.libc, SOCKET) : undefined;
    if (head) take(head.ahead);
    await decompressInto(source, job.packing, take);
    if (head?.lent) readLent(tools.libc, head.lent, take);
    parser.finish();
    writer.finish();
  } finally {
    writer.close();
  }
}

function send({ libc }: Tools, chunks: Iterable<Uint8Array>): void {
  const granted = libc.call.fcntl(OUTPUT, F_SETPIPE_SZ, PIPE_BYTES);
  const pieceBytes = granted > 0 ? granted : 64 * 1024;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      // what is announced is in the pipe as a whole
      const part = chunk.subarray(at, at + pieceBytes);
      for (let sent = 0; sent < part.length; ) sent += writeSync(OUTPUT, part, sent);
      report({ type: "data", bytes: part.length });
      at += part.length;
    }
  }
}
