import { messageOf } from "#base/errors.ts";
import type { ContainerRecord } from "#containers/container.ts";
import { type CreateExecParts, createExec } from "#containers/exec/create.ts";
import { type ExecParts, startExec } from "#containers/exec/start.ts";
import { parseExecConfig } from "#spec/engine-api/exec-config.ts";
import type { ExecId } from "#spec/ids.ts";
import type { ProbeOutcome } from "./probe-network.ts";
import type { ProbeOutput } from "./probe-output.ts";

export type ProbeCommandParts = CreateExecParts & ExecParts;

const SIGKILL = 9;

/**
 * Runs a check in the container, as an exec: with its user, folder and environment, and Docker's events.
 *
 * @param run `startPermit` is given back once it runs; `output` gets what it writes, also of a check that
 *   is cut off.
 * @param signal An abort kills the check with all that it started, and waits for its end.
 * @throws What kept it from being started; the signal's reason after an abort.
 */
export async function probeCommand(
  parts: ProbeCommandParts,
  record: ContainerRecord,
  command: readonly string[],
  run: { readonly startPermit: Disposable; readonly output: ProbeOutput },
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const config = parseExecConfig({ Cmd: command, AttachStdout: true, AttachStderr: true });
  const id = createExec(parts, record.id, config, { isProbe: true });
  try {
    const attached = { detach: false, terminal: false };
    const { stream } = await startExec(parts, id, attached, AbortSignal.any([]));
    run.startPermit[Symbol.dispose]();
    const kill = (): void => killProbe(parts, id);
    signal.addEventListener("abort", kill, { once: true });
    try {
      if (signal.aborted) kill();
      for await (const { bytes } of stream?.output() ?? []) run.output.add(bytes);
    } finally {
      signal.removeEventListener("abort", kill);
      await stream?.[Symbol.asyncDispose]();
    }
    signal.throwIfAborted();
    return { exitCode: parts.execs.get(id).exitCode ?? -1, output: run.output.toString() };
  } finally {
    parts.execs.forget(id);
  }
}

function killProbe(parts: Pick<ProbeCommandParts, "runtime" | "warn">, id: ExecId): void {
  try {
    parts.runtime.killGroup(id, SIGKILL);
  } catch (error) {
    parts.warn(`Cannot end health check ${id}: ${messageOf(error)}`);
  }
}
