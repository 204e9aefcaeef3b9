import { randomUUID } from "node:crypto";
import type { RpcStream } from "#rpc/call.ts";
import type { StatusError } from "#rpc/status.ts";
import {
  EXEC_MESSAGE,
  type ExecMessage,
  NEW_CONTAINER_REQUEST,
  RELEASE_CONTAINER_REQUEST,
} from "#spec/buildkit/exec.ts";
import { EMPTY } from "#spec/buildkit/shared.ts";
import { readSolveError, SOLVE_ERROR_TYPE, type SolveError } from "#spec/buildkit/solve-error.ts";
import type { Gateway } from "./gateway.ts";
import { RemoteProcess } from "./remote-process.ts";

/** As which files a failed step is looked at: as they were before it, or as it left them. */
export type FailedState = "before" | "after";

/** A RUN that failed, whose files and mounts the engine keeps while the build is not ended. */
export interface FailedRun {
  /** The instruction, on one line. */
  readonly title: string;
  /** What it ran. */
  readonly args: readonly string[];
  readonly message: string;
  /** Starts a process with the environment, folder, user and mounts of the step. @throws {StatusError} */
  start(wish: ProcessWish, signal: AbortSignal): Promise<RemoteProcess>;
}

export interface ProcessWish {
  readonly state: FailedState;
  readonly args: readonly string[];
  /** Beside the step's own variables. */
  readonly env: readonly string[];
  readonly hasTerminal: boolean;
}

/** @returns Undefined where the error is not of a RUN, or the engine keeps nothing of it. */
export function failedRunOf(error: StatusError, gateway: Gateway): FailedRun | undefined {
  const detail = error.status.details.find(({ typeUrl }) => typeUrl === SOLVE_ERROR_TYPE);
  const failed = detail && readSolveError(detail.value);
  if (!failed) return undefined;
  return {
    title: failed.command,
    args: failed.meta.args,
    message: error.message,
    start: (wish, signal) => startProcess(failed, gateway, wish, signal),
  };
}

async function startProcess(
  failed: SolveError,
  gateway: Gateway,
  { state, args, env, hasTerminal }: ProcessWish,
  signal: AbortSignal,
): Promise<RemoteProcess> {
  const containerId = newName();
  const ids = state === "before" ? failed.inputIds : failed.mountIds;
  const mounts = failed.mounts.map((mount, index) => ({ ...mount, resultId: ids[index] ?? "" }));
  await gateway.call(
    "NewContainer",
    { request: NEW_CONTAINER_REQUEST, response: EMPTY },
    { containerId, mounts, network: failed.network },
    signal,
  );
  await using undo = new AsyncDisposableStack();
  undo.defer(async () => {
    const codecs = { request: RELEASE_CONTAINER_REQUEST, response: EMPTY };
    try {
      await gateway.call(
        "ReleaseContainer",
        codecs,
        { containerId },
        AbortSignal.timeout(RELEASE_MS),
      );
    } catch {
      // it goes with the build
    }
  });
  const stream: RpcStream = undo.use(await gateway.open("ExecProcess", signal));
  const processId = `${containerId}:${newName()}`;
  const { meta, security, secretEnv } = failed;
  const init: Partial<ExecMessage> = {
    processId,
    init: {
      containerId,
      meta: { ...meta, args, env: [...meta.env, ...env] },
      descriptors: [0, 1, 2],
      hasTerminal,
      security,
      secretEnv,
    },
  };
  await stream.send(EXEC_MESSAGE.encode(init));
  return new RemoteProcess(processId, stream, undo.move());
}

/** How long giving a container up may take. */
const RELEASE_MS = 10_000;

/** BuildKit takes letters and digits alone. */
function newName(): string {
  return randomUUID().replaceAll("-", "");
}
