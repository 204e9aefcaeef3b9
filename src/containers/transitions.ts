import {
  assertNever,
  ConflictError,
  FailedPreconditionError,
  NotModifiedError,
  type WharfError,
} from "#base/errors.ts";
import type { ContainerExit, ContainerRecord, ContainerState } from "./container.ts";
import type { WaitResult } from "./containers.ts";

/**
 * Which verb a state allows, and Docker's words where it does not. The states and what leads from one
 * to the next are drawn in docs/container-life-cycle.md.
 */
export type ContainerVerb =
  | "start"
  | "stop"
  | "kill"
  | "pause"
  | "unpause"
  | "exec"
  | "attach"
  | "top"
  | "resize"
  | "rename"
  | "remove"
  | "remove-force";

/** The word of `docker ps` and `inspect`, where paused is a state of its own. */
export function statusWord(
  state: ContainerState,
): "created" | "running" | "paused" | "restarting" | "exited" | "removing" | "dead" {
  return state.status === "running" && state.paused ? "paused" : state.status;
}

/** Whether its process lives or its policy is about to start it again: Docker's `State.Running`. */
export function isUp(state: ContainerState): boolean {
  return state.status === "running" || state.status === "restarting";
}

export function lastExit(state: ContainerState): ContainerExit | undefined {
  switch (state.status) {
    case "restarting":
    case "exited":
    case "removing":
    case "dead":
      return state.exit;
    case "created":
    case "running":
      return undefined;
    default:
      return assertNever(state);
  }
}

/** What `wait` answers for a container that does not run. */
export function waitResultOf(state: ContainerState): WaitResult {
  if (state.status === "created") {
    const failure = state.failure;
    return failure ? { exitCode: failure.exitCode, error: failure.error } : { exitCode: 0 };
  }
  const exit = lastExit(state);
  if (!exit) return { exitCode: 0 };
  return { exitCode: exit.exitCode, ...(exit.error === undefined ? {} : { error: exit.error }) };
}

/**
 * @param reference As the caller named the container; part of some of Docker's texts.
 * @returns Why `verb` is refused; undefined when it is allowed.
 */
export function refusalOf(
  verb: ContainerVerb,
  container: Pick<ContainerRecord, "id" | "state">,
  reference: string,
): WharfError | undefined {
  const { id, state } = container;
  switch (verb) {
    case "start":
      return refusalOfStart(state);
    case "stop":
      return isUp(state) ? undefined : new NotModifiedError("container is already stopped");
    case "kill":
      if (isUp(state)) return undefined;
      return new ConflictError(
        `cannot kill container: ${reference}: container ${id} is not running`,
      );
    case "pause":
      if (state.status === "running" && state.paused) {
        return new ConflictError(`container ${id} is already paused`);
      }
      return refusalOfInside(state, id);
    case "unpause":
      if (state.status === "running" && state.paused) return undefined;
      return new FailedPreconditionError(`Container ${id} is not paused`);
    case "exec":
    case "attach":
      return refusalOfJoining(verb, state, id, reference);
    case "top":
    case "resize":
      return refusalOfInside(state, id);
    case "rename":
      if (state.status !== "removing") return undefined;
      return new ConflictError(`container ${id} is marked for removal and cannot be renamed`);
    case "remove":
    case "remove-force":
      return refusalOfRemove(state, verb === "remove-force", reference);
    default:
      return assertNever(verb);
  }
}

function refusalOfStart(state: ContainerState): WharfError | undefined {
  switch (state.status) {
    case "created":
    case "exited":
      return undefined;
    case "running":
      return state.paused
        ? new ConflictError("cannot start a paused container, try unpause instead")
        : new NotModifiedError("container is already running");
    case "restarting":
      return new NotModifiedError("container is already running");
    case "removing":
    case "dead":
      return new ConflictError("container is marked for removal and cannot be started");
    default:
      return assertNever(state);
  }
}

function refusalOfInside(state: ContainerState, id: string): WharfError | undefined {
  if (state.status === "running") return undefined;
  if (state.status === "restarting") return restartingError(id);
  return new ConflictError(`container ${id} is not running`);
}

function refusalOfJoining(
  verb: "exec" | "attach",
  state: ContainerState,
  id: string,
  reference: string,
): WharfError | undefined {
  if (state.status === "restarting") return restartingError(id);
  if (state.status === "running") {
    if (!state.paused) return undefined;
    return verb === "exec"
      ? new ConflictError(`Container ${reference} is paused, unpause the container before exec`)
      : new ConflictError(`container ${reference} is paused, unpause the container before attach`);
  }
  // a client attaches first and starts then
  if (verb === "attach" && (state.status === "created" || state.status === "exited")) {
    return undefined;
  }
  return new ConflictError(`container ${id} is not running`);
}

function restartingError(id: string): ConflictError {
  return new ConflictError(`Container ${id} is restarting, wait until the container is running`);
}

function refusalOfRemove(
  state: ContainerState,
  isForced: boolean,
  reference: string,
): WharfError | undefined {
  if (state.status === "removing") {
    return new ConflictError(`removal of container ${reference} is already in progress`);
  }
  if (isForced || !isUp(state)) return undefined;
  const prefix = `cannot remove container ${JSON.stringify(reference)}: container is ${statusWord(state)}`;
  return new ConflictError(
    state.status === "running" && state.paused
      ? `${prefix} and must be unpaused first`
      : `${prefix}: stop the container before removing or force remove`,
  );
}

/** @throws What `refusalOf` says. */
export function assertAllowed(
  verb: ContainerVerb,
  container: Pick<ContainerRecord, "id" | "state">,
  reference: string,
): void {
  const refusal = refusalOf(verb, container, reference);
  if (refusal) throw refusal;
}
