import { closeSync, writeSync } from "node:fs";
import {
  type ErrorKind,
  errorOfKind,
  FailedPreconditionError,
  InternalError,
} from "#base/errors.ts";
import type { Processes } from "#host/processes.ts";
import type { UnpackJob, UnpackLimits, UnpackReport, UnpackResult } from "./protocol.ts";

const SIGKILL = 9;
const STDIN = 0;
const STDOUT = 1;
/** Longest line that a child may report: a result names at most its implied folders. */
const LINE_MAX_CHARACTERS = 256 * 1024 * 1024;

/** A blob's file that still grows. */
export interface GrowingFile {
  /** Of the whole. */
  readonly sizeBytes: number;
  /** Bytes that are there, each time there are more; ends when all are. */
  readonly grown: AsyncIterable<number>;
}

export interface UnpackRequest extends Omit<UnpackJob, "limits" | "parentPid" | "arrivingBytes"> {
  /** Absent: the file is whole. */
  readonly growing?: GrowingFile;
  /** Told how much of the blob was read. */
  readonly onProgress?: (readBytes: number) => void;
}

/** Unpacks layers, each in a child process that can reach nothing but the layer's folder. */
export interface LayerUnpacker {
  /**
   * @throws {InvalidArgumentError} The blob is damaged or hostile. {ResourceExhaustedError} No space.
   *   What was written by then stays in the folder, for the caller to remove.
   */
  unpack(request: UnpackRequest, signal: AbortSignal): Promise<UnpackResult>;
}

export interface ProcessUnpackerOptions {
  readonly processes: Processes;
  /** Command that starts this executable: `["/usr/bin/wharf"]`. */
  readonly selfCommand: readonly string[];
  readonly limits: UnpackLimits;
}

export class ProcessUnpacker implements LayerUnpacker {
  readonly #options: ProcessUnpackerOptions;

  constructor(options: ProcessUnpackerOptions) {
    this.#options = options;
  }

  async unpack(request: UnpackRequest, signal: AbortSignal): Promise<UnpackResult> {
    signal.throwIfAborted();
    const { onProgress, growing, ...rest } = request;
    const { limits, selfCommand, processes } = this.#options;
    const job: UnpackJob = {
      ...rest,
      ...(growing ? { arrivingBytes: growing.sizeBytes } : {}),
      limits,
      parentPid: process.pid,
    };
    const child = processes.spawn({
      argv: [...selfCommand, "worker", "unpack", JSON.stringify(job)],
      env: {},
      stdio: [growing ? "pipe" : "ignore", "pipe", "inherit"],
    });
    const input = child.pipes[STDIN];
    const output = child.pipes[STDOUT];
    if (output === undefined) throw new InternalError("The unpacking process has no output");
    // taken at once: afterwards the number may be another process's
    const identity = processes.identify(child.pid);
    const onAbort = (): void => {
      if (identity) processes.kill(identity, SIGKILL);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const telling = growing && input !== undefined ? tellGrowth(input, growing) : undefined;
    try {
      const last = await readReports(output, onProgress);
      const status = await child.exited;
      signal.throwIfAborted();
      if (last?.type === "result") return last.result;
      if (last?.type === "error") {
        const error = rebuild(last.kind, last.message);
        throw last.diskFault === undefined ? error : Object.assign(error, { code: last.diskFault });
      }
      const how = status.signal === undefined ? `code ${status.code}` : `signal ${status.signal}`;
      throw new FailedPreconditionError(`Cannot unpack layer: its process ended with ${how}`);
    } finally {
      signal.removeEventListener("abort", onAbort);
      onAbort();
      await child.exited;
      closeSync(output);
      telling?.stop();
      if (input !== undefined) closeSync(input);
    }
  }
}

/** Tells the child how far it may read, until it has ended or is told no more. */
function tellGrowth(input: number, growing: GrowingFile): { readonly stop: () => void } {
  let isStopped = false;
  const tell = async (): Promise<void> => {
    for await (const bytes of growing.grown) {
      if (isStopped) return;
      writeSync(input, `${bytes}\n`);
    }
  };
  // a child that has ended says why itself
  tell().catch(() => undefined);
  return { stop: () => void (isStopped = true) };
}

/** @returns The last line, which tells the outcome; undefined when the child said nothing. */
async function readReports(
  descriptor: number,
  onProgress: ((readBytes: number) => void) | undefined,
): Promise<UnpackReport | undefined> {
  const decoder = new TextDecoder();
  let pending = "";
  let last: UnpackReport | undefined;
  for await (const chunk of Bun.file(descriptor).stream()) {
    pending += decoder.decode(chunk, { stream: true });
    if (pending.length > LINE_MAX_CHARACTERS) throw new InternalError("A report has no end");
    const lines = pending.split("\n");
    pending = lines.pop() ?? "";
    for (const line of lines) {
      // our own executable wrote it
      last = JSON.parse(line) as UnpackReport;
      if (last.type === "progress") onProgress?.(last.readBytes);
    }
  }
  return last;
}

/** Kinds that mean the same to the client; any other is trouble of the process alone. */
const TOLD_KINDS: ReadonlySet<ErrorKind> = new Set([
  "invalid-argument",
  "resource-exhausted",
  "permission-denied",
  "unsupported",
  "conflict",
  "internal",
] as const);

function rebuild(kind: ErrorKind, message: string): Error {
  return errorOfKind(TOLD_KINDS.has(kind) ? kind : "failed-precondition", message);
}
