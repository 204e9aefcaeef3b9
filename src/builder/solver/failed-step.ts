import { CancelledError, NotFoundError } from "#base/errors.ts";
import type { MountedRoot } from "./step-layers.ts";
import type { StepCommand, StepProcess, StepRunner, StepTerminal } from "./step-runner.ts";

/**
 * As which files a failed step is looked at: as they were before it, or as it left them. What it mounted is the same in
 * both, and as the step left it.
 */
export type FailedState = "before" | "after";

/** A process to run where a step has failed. */
export interface FailedStepProcess {
  readonly args: readonly string[];
  /** What the step's mounts give, secrets and an agent's socket, comes to it. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  /** Undefined for pipes. */
  readonly terminal: StepTerminal | undefined;
}

/** Files of a failed step that processes can be run in, until it is disposed of. They end with it. */
export interface FailedStepRoot extends AsyncDisposable {
  /** @throws {CommandNotFoundError} And the other failures of a start. */
  start(process: FailedStepProcess, signal: AbortSignal): Promise<StepProcess>;
}

/** A RUN that failed, with its mounts still open. */
export interface FailedStep {
  /** What the build ends with. */
  readonly error: Error;
  /** As the Dockerfile has it, on one line. */
  readonly title: string;
  /** What it ran, without what its mounts gave. */
  readonly command: Pick<StepCommand, "args" | "cwd" | "env" | "isPrivileged" | "network" | "user">;
  /** A tree of its own for `before`; the step's for `after`, which all that ask for it share. */
  openRoot(state: FailedState): Promise<FailedStepRoot>;
}

/** Somebody who may look at a failed step: it stays open until the promise settles. Must not reject. */
export type OnStepFailed = (step: FailedStep) => Promise<void>;

export interface HeldStepOptions {
  readonly error: Error;
  readonly title: string;
  readonly steps: Pick<StepRunner, "open" | "users">;
  /** As it was run, without what its mounts gave to its environment. */
  readonly command: StepCommand;
  /** What they gave. */
  readonly mountEnv: readonly string[];
  /** A new tree of the files before the step. */
  readonly openBefore: () => Promise<MountedRoot & AsyncDisposable>;
}

/** A failed step while somebody looks at it; disposing ends all that runs in it. */
export class HeldStep implements FailedStep, AsyncDisposable {
  readonly #options: HeldStepOptions;
  readonly #roots = new Set<Promise<FailedStepRoot>>();
  #isOver = false;

  constructor(options: HeldStepOptions) {
    this.#options = options;
  }

  get error(): Error {
    return this.#options.error;
  }

  get title(): string {
    return this.#options.title;
  }

  get command(): FailedStep["command"] {
    return this.#options.command;
  }

  async openRoot(state: FailedState): Promise<FailedStepRoot> {
    if (this.#isOver)
      throw new NotFoundError("Cannot look at the failed step: the build has ended");
    const { steps, command, mountEnv, openBefore } = this.#options;
    const opening = (async (): Promise<FailedStepRoot> => {
      await using stack = new AsyncDisposableStack();
      if (state === "after") return new HeldRoot({ steps, command, mountEnv }, stack.move());
      const { path: rootPath, remount } = stack.use(await openBefore());
      const own = { ...command, rootPath, remount };
      return new HeldRoot({ steps, command: own, mountEnv }, stack.move());
    })();
    this.#roots.add(opening);
    return await opening;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    const roots = await Promise.allSettled(this.#roots);
    for (const root of roots) {
      if (root.status === "fulfilled") await root.value[Symbol.asyncDispose]();
    }
  }
}

type HeldRootOptions = Pick<HeldStepOptions, "command" | "mountEnv" | "steps">;

class HeldRoot implements FailedStepRoot {
  readonly #options: HeldRootOptions;
  readonly #held: AsyncDisposableStack;
  readonly #starting = new Set<Promise<StepProcess>>();
  readonly #closing = new AbortController();

  /** @param held What goes with it. */
  constructor(options: HeldRootOptions, held: AsyncDisposableStack) {
    this.#options = options;
    this.#held = held;
  }

  async start(process: FailedStepProcess, signal: AbortSignal): Promise<StepProcess> {
    const { steps, command, mountEnv } = this.#options;
    const { terminal, env, ...more } = process;
    const either = AbortSignal.any([signal, this.#closing.signal]);
    either.throwIfAborted();
    const whole = { ...command, ...more, env: [...env, ...mountEnv], isFollowed: false };
    const starting = (async (): Promise<StepProcess> => {
      // a process before this one may have left it with the owners that steps see
      if (steps.users) await command.remount();
      return await steps.open(whole, terminal, either);
    })();
    this.#starting.add(starting);
    return await starting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new CancelledError("The failed step was given up"));
    for (const process of await Promise.allSettled(this.#starting)) {
      if (process.status === "fulfilled") await process.value[Symbol.asyncDispose]();
    }
    await this.#held.disposeAsync();
  }
}
