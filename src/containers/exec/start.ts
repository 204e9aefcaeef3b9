import { ConflictError, messageOf } from "#base/errors.ts";
import type { ExecDetails } from "#containers/containers.ts";
import type { ContainerParts } from "#containers/parts.ts";
import type { TerminalSize } from "#containers/resize.ts";
import { assertAllowed } from "#containers/transitions.ts";
import { CommandNotFoundError, CommandNotInvocableError } from "#runtime/errors.ts";
import type { AttachStream, ProcessExit, RunningProcess } from "#runtime/runtime.ts";
import type { ContainerRecord } from "#containers/container.ts";
import { planExecProcess } from "#containers/bring-up/process-plan.ts";
import { commandText } from "./create.ts";

export interface StartExecOptions {
  readonly detach: boolean;
  readonly terminal: boolean;
  readonly size?: TerminalSize;
}

export type ExecParts = Pick<
  ContainerParts,
  | "background"
  | "cgroups"
  | "events"
  | "execs"
  | "execsAhead"
  | "networks"
  | "registry"
  | "runtime"
  | "settings"
  | "snapshotter"
  | "system"
  | "warn"
>;

const EXEC_FAILED = 126;

/** Beside the container's lane: execs neither wait for one another nor for a stop under way. */
export async function startExec(
  parts: ExecParts,
  execId: string,
  options: StartExecOptions,
  signal: AbortSignal,
): Promise<{ readonly terminal: boolean; readonly stream?: AttachStream }> {
  const exec = parts.execs.get(execId);
  if (exec.status !== "created") {
    throw new ConflictError(`exec command ${exec.id} has already run`);
  }
  const record = parts.registry.get(exec.containerId);
  assertAllowed("exec", record, record.id);
  // taken at once: of two starts the second is refused
  const running: ExecDetails = { ...exec, status: "running" };
  parts.execs.put(running);
  try {
    parts.execs.recordStart(running);
    parts.events.publish(record, `exec_start: ${commandText(exec.config)}`, { execID: exec.id });
    const process = planExecProcess(
      parts,
      record,
      exec.config,
      parts.snapshotter.rootPath(record.id),
      sizeOf(exec, options),
    );
    const { detach } = options;
    const started = await parts.execsAhead.start(exec, { detach, process }, signal);
    parts.execs.put({ ...running, pid: started.process.pid });
    const recorded = watchExec(parts, running, started);
    const stream = started.stdio && endingAfter(started.stdio, recorded);
    return { terminal: exec.config.Tty, ...(stream && { stream }) };
  } catch (error) {
    parts.execs.put({ ...running, status: "exited", exitCode: exitCodeOf(error) });
    try {
      parts.execs.recordEnd(exec.id);
    } catch (failure) {
      // the disk: what is left is removed when the engine starts next
      parts.warn(`Cannot forget exec ${exec.id}: ${messageOf(failure)}`);
    }
    throw error;
  }
}

/** @see Containers.leaveExec */
export function leaveExec(
  parts: Pick<ExecParts, "events" | "execs" | "registry">,
  execId: string,
): void {
  const { id, containerId } = parts.execs.get(execId);
  const record = parts.registry.find(containerId);
  if (record) parts.events.publish(record, "exec_detach", { execID: id });
}

/** Of the start, else of the create; rows come first on the wire. */
function sizeOf(exec: ExecDetails, options: StartExecOptions): TerminalSize | undefined {
  if (options.size) return options.size;
  const [rows = 0, columns = 0] = exec.config.ConsoleSize ?? [];
  return rows > 0 && columns > 0 ? { rows, columns } : undefined;
}

function exitCodeOf(error: unknown): number {
  const isCommand =
    error instanceof CommandNotFoundError || error instanceof CommandNotInvocableError;
  return isCommand ? error.exitCode : EXEC_FAILED;
}

/** Output that ends no sooner than the exit code is known: clients ask for it as soon as it ends. */
function endingAfter(stream: AttachStream, recorded: Promise<void>): AttachStream {
  return {
    async *output() {
      yield* stream.output();
      await recorded;
    },
    write: (input) => stream.write(input),
    endInput: () => stream.endInput(),
    [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
  };
}

/**
 * Follows an exec to its end, also one that an earlier daemon started.
 *
 * @returns Resolves when the end is recorded; never rejects.
 */
export function watchExec(
  parts: Pick<ExecParts, "background" | "events" | "execs" | "registry" | "runtime" | "warn">,
  exec: ExecDetails,
  process: RunningProcess,
): Promise<void> {
  return process.exited
    .then((exit) => {
      if (!parts.background.signal.aborted) recordExecEnd(parts, exec, exit);
    })
    .catch((error: unknown) => {
      parts.warn(`Cannot record the end of exec ${exec.id}: ${messageOf(error)}`);
    });
}

export function recordExecEnd(
  parts: Pick<ExecParts, "background" | "events" | "execs" | "registry" | "runtime">,
  exec: ExecDetails,
  exit: Pick<ProcessExit, "exitCode">,
): void {
  const now = parts.execs.find(exec.id) ?? exec;
  parts.execs.put({ ...now, status: "exited", exitCode: exit.exitCode });
  const record: ContainerRecord | undefined = parts.registry.find(exec.containerId);
  if (record && parts.registry.isVisible(record)) {
    parts.events.publish(record, "exec_die", {
      execID: exec.id,
      exitCode: String(exit.exitCode),
    });
  }
  void parts.background.run(`Cannot clean up exec ${exec.id}`, async () => {
    await parts.runtime.delete(exec.id, { force: false });
    parts.execs.recordEnd(exec.id);
  });
}
