import { randomUUID } from "node:crypto";
import { deferred } from "#base/async.ts";
import {
  ConflictError,
  InvalidArgumentError,
  NotFoundError,
  PermissionDeniedError,
  ResourceExhaustedError,
  UnsupportedError,
} from "#base/errors.ts";
import type {
  FailedState,
  FailedStep,
  FailedStepProcess,
  FailedStepRoot,
} from "#builder/solver/failed-step.ts";
import type { StepProcess } from "#builder/solver/step-runner.ts";
import { NETWORK_MODES, type NewContainerRequest, SECURITY_MODES } from "#spec/buildkit/exec.ts";
import type { SolveError } from "#spec/buildkit/solve-error.ts";

/** Of one build at once; each may have a tree of its own. */
const MOST_CONTAINERS = 16;

interface KeptRoot {
  readonly step: FailedStep;
  readonly state: FailedState;
}

interface OpenContainer {
  readonly step: FailedStep;
  readonly root: FailedStepRoot;
}

/** Where clients of one build look at a step that failed: `NewContainer` and what follows it. */
export class BuildContainers implements AsyncDisposable {
  readonly #kept = new Map<string, KeptRoot>();
  readonly #open = new Map<string, Promise<OpenContainer>>();
  readonly #over = deferred();

  /**
   * Gives a failed step names by which clients ask for its files.
   *
   * @returns `released` resolves when the build is over.
   */
  keep(step: FailedStep): { readonly told: SolveError; readonly released: Promise<void> } {
    const before = randomUUID();
    const after = randomUUID();
    this.#kept.set(before, { step, state: "before" });
    this.#kept.set(after, { step, state: "after" });
    return { told: toSolveError(step, { before, after }), released: this.#over.promise };
  }

  /** @throws {NotFoundError} No such files. {UnsupportedError} Mounts of the client's own. */
  async create(request: NewContainerRequest): Promise<void> {
    const { containerId } = request;
    if (this.#open.has(containerId)) {
      throw new ConflictError(`container ${containerId} exists already`);
    }
    if (this.#open.size >= MOST_CONTAINERS) {
      throw new ResourceExhaustedError(
        `Cannot make another container: the build has ${MOST_CONTAINERS}`,
      );
    }
    const { step, state } = this.#rootOf(request);
    const opening = step.openRoot(state).then((root) => ({ step, root }));
    this.#open.set(containerId, opening);
    try {
      await opening;
    } catch (error) {
      this.#open.delete(containerId);
      throw error;
    }
  }

  /** @throws {NotFoundError} There is none of that name. */
  async release(containerId: string): Promise<void> {
    const { root } = await this.#container(containerId);
    this.#open.delete(containerId);
    await root[Symbol.asyncDispose]();
  }

  /** @param security Index in `SECURITY_MODES`. @throws As `FailedStepRoot.start`. */
  async start(
    containerId: string,
    process: FailedStepProcess,
    security: number,
    signal: AbortSignal,
  ): Promise<StepProcess> {
    const { step, root } = await this.#container(containerId);
    if (SECURITY_MODES[security] === "INSECURE" && !step.command.isPrivileged) {
      throw new PermissionDeniedError(
        "security.insecure is not allowed: the step that failed had it not",
      );
    }
    return await root.start(process, signal);
  }

  /** Ends what runs, and lets failed steps go. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#kept.clear();
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const one of await Promise.allSettled(open)) {
      if (one.status === "fulfilled") await one.value.root[Symbol.asyncDispose]();
    }
    this.#over.resolve();
  }

  async #container(containerId: string): Promise<OpenContainer> {
    const found = await this.#open.get(containerId);
    if (found) return found;
    throw new NotFoundError(`no such container: ${JSON.stringify(containerId)}`);
  }

  #rootOf({ mounts, network }: NewContainerRequest): KeptRoot {
    const [mount, other] = mounts;
    if (!mount || other || mount.destination !== "/" || mount.selector !== "" || mount.isReadOnly) {
      throw new UnsupportedError(
        "Cannot make a container of these mounts: there are those that a failed step had, by its one result",
      );
    }
    const found = this.#kept.get(mount.resultId);
    if (!found) {
      throw new InvalidArgumentError(
        `Cannot make a container of ${JSON.stringify(mount.resultId)}: that is no step that failed`,
      );
    }
    const own = networkOf(found.step);
    if (network !== own) {
      throw new UnsupportedError(
        `Cannot make a container with network mode ${NETWORK_MODES[network]}: the step that failed had ${NETWORK_MODES[own]}`,
      );
    }
    return found;
  }
}

/** A failed step as clients are told of it: its mounts all stand behind the one that they are shown. */
function toSolveError(
  step: FailedStep,
  ids: { readonly before: string; readonly after: string },
): SolveError {
  const { args, env, cwd, user, isPrivileged } = step.command;
  return {
    command: step.title,
    meta: { args, env, cwd, user },
    mounts: [
      {
        selector: "",
        destination: "/",
        isReadOnly: false,
        type: 0,
        tmpfs: undefined,
        cache: undefined,
        secret: undefined,
        ssh: undefined,
        resultId: "",
      },
    ],
    inputIds: [ids.before],
    mountIds: [ids.after],
    network: networkOf(step),
    security: isPrivileged ? SECURITY_MODES.indexOf("INSECURE") : 0,
    secretEnv: [],
  };
}

function networkOf({ command: { network } }: FailedStep): number {
  switch (network.kind) {
    case "host":
      return NETWORK_MODES.indexOf("HOST");
    case "none":
      return NETWORK_MODES.indexOf("NONE");
    case "bridge":
      return 0;
  }
}
