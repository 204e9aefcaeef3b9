import { closeSync, writeSync } from "node:fs";
import { invariant } from "#base/errors.ts";
import type { ProcessIdentity, Processes } from "#host/processes.ts";
import { type ConmonPlan, planConmonArguments } from "./arguments.ts";
import { LineReader } from "./line-reader.ts";

const SIGKILL = 9;
/** After the pipes; an exec's conmon inherits nothing, and has a third pipe there. */
export const FIRST_INHERITED = 5;

export interface SupervisorRequest {
  readonly conmonPath: string;
  readonly plan: ConmonPlan;
  /** Descriptors that a container's conmon has from `FIRST_INHERITED` on, and does nothing with. */
  readonly inherited?: readonly number[];
  /** Where conmon makes its short-lived console sockets. */
  readonly temporaryDir: string;
  /** Makes ready what the runtime reads; runs while conmon starts. */
  readonly prepare: () => Promise<void>;
  /** For an attached exec: runs while the process still waits; the socket is there. */
  readonly whenAttachable?: () => Promise<void>;
}

export type SupervisorResult =
  | {
      readonly ok: true;
      readonly pid: number;
      readonly supervisor: ProcessIdentity;
      /** conmon has ended. */
      readonly ended: Promise<unknown>;
      /**
       * Of an exec: the exit code, which conmon tells some milliseconds before it ends and after it has written
       * the file; undefined when it ended without a word.
       */
      readonly reported?: Promise<number | undefined>;
    }
  /** conmon has ended; `stderr` is the runtime's, else conmon's own. */
  | { readonly ok: false; readonly stderr: string };

/**
 * Starts conmon and waits until the runtime has made the process or refused.
 *
 * conmon reports on `_OCI_SYNCPIPE`, one JSON line: `{"data": PID}`, or `{"data": -1, "message": "…"}`.
 * It reads `_OCI_STARTPIPE` once before it starts the runtime and, for an attached exec, again before it lets
 * the runtime go, after it has reported the socket on `_OCI_ATTACHPIPE`. When the daemon dies meanwhile both
 * reads end, and what conmon then makes, or fails to, is found by the next daemon like any half-made process.
 *
 * @throws What `prepare` or `whenAttachable` throws; conmon has ended.
 */
export async function startSupervisor(
  processes: Processes,
  request: SupervisorRequest,
): Promise<SupervisorResult> {
  const attach = request.plan.exec?.attach === true;
  const { pid, exited, pipes } = processes.spawn({
    argv: [request.conmonPath, ...planConmonArguments(request.plan)],
    env: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      TMPDIR: request.temporaryDir,
      TZ: "UTC", // of the times in the log
      _OCI_SYNCPIPE: "3",
      _OCI_STARTPIPE: "4",
      ...(attach ? { _OCI_ATTACHPIPE: "5" } : {}),
    },
    cwd: request.plan.directory,
    stdio: [
      "ignore",
      "ignore",
      "pipe",
      "pipe",
      "pipe",
      ...(attach ? (["pipe"] as const) : []),
      ...(request.inherited ?? []),
    ],
    detached: true,
  });
  const supervisor = processes.identify(pid) ?? { pid, startTicks: 0 };
  using complaints = new UnreadPipe(pipeAt(pipes, 2));
  await using stack = new AsyncDisposableStack();
  const sync = stack.use(new LineReader(pipeAt(pipes, 3)));
  try {
    await letStart(pipes, request);
  } catch (error) {
    processes.kill(supervisor, SIGKILL); // the runtime that it starts has a parent-death signal
    await exited;
    throw error;
  }
  const report = parseReport(await sync.readLine());
  if (report.pid !== undefined) {
    const isExec = request.plan.exec !== undefined;
    const reported = isExec ? { reported: readExitReport(sync, stack.move()) } : {};
    return { ok: true, pid: report.pid, supervisor, ended: exited, ...reported };
  }
  await exited;
  return { ok: false, stderr: report.message ?? (await complaints.read()) };
}

/** What conmon writes to stderr is read only where it has failed: a reader costs as much as a small file. */
class UnreadPipe implements Disposable {
  #fd: number | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** All that was written; the other end must be closed or closing. */
  async read(): Promise<string> {
    invariant(this.#fd !== undefined, "the pipe has not been read");
    await using reader = new LineReader(this.#fd);
    this.#fd = undefined;
    return await reader.readRest();
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** Of an exec conmon reports the exit code as a second line, `{"data": CODE}`. */
async function readExitReport(
  sync: LineReader,
  opened: AsyncDisposableStack,
): Promise<number | undefined> {
  await using _ = opened;
  return parseExitReport(await sync.readLine());
}

async function letStart(
  pipes: readonly (number | undefined)[],
  request: SupervisorRequest,
): Promise<void> {
  const start = pipeAt(pipes, 4);
  try {
    await using stack = new AsyncDisposableStack();
    const isAttached = request.plan.exec?.attach === true;
    const attachable = isAttached ? stack.use(new LineReader(pipeAt(pipes, 5))) : undefined;
    await request.prepare();
    writeLine(start);
    // The end of the stream instead: conmon gave up, and the sync pipe says why.
    if ((await attachable?.readLine()) === undefined) return;
    await request.whenAttachable?.();
    writeLine(start);
  } finally {
    closeSync(start);
  }
}

/** A conmon that has ended says why on the sync pipe. */
function writeLine(descriptor: number): void {
  try {
    writeSync(descriptor, "\n");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EPIPE")) throw error;
  }
}

/** @param line Undefined when conmon ended without a word. */
export function parseReport(line: string | undefined): {
  readonly pid?: number;
  readonly message?: string;
} {
  if (line === undefined) return {};
  const { data, message } = parseLine(line);
  if (data > 0) return { pid: data };
  return message === undefined ? {} : { message };
}

/** @returns Undefined when conmon ended without a word, or told of something else. */
export function parseExitReport(line: string | undefined): number | undefined {
  const { data } = parseLine(line ?? "{}");
  return data >= 0 ? data : undefined;
}

function parseLine(line: string): { readonly data: number; readonly message?: string } {
  const report: unknown = JSON.parse(line);
  if (typeof report !== "object" || report === null) return { data: -1 };
  const data = "data" in report && typeof report.data === "number" ? report.data : -1;
  const message = "message" in report && typeof report.message === "string" ? report.message : "";
  return message === "" ? { data } : { data, message };
}

function pipeAt(pipes: readonly (number | undefined)[], position: number): number {
  const fd = pipes[position];
  invariant(fd !== undefined, `descriptor ${position} of conmon is a pipe`);
  return fd;
}
