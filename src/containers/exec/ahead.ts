import { CancelledError } from "#base/errors.ts";
import type { Background } from "#containers/background.ts";
import type { ExecDetails } from "#containers/containers.ts";
import type { Clock } from "#host/clock.ts";
import type { ExecProcess, ExecRequest, Runtime } from "#runtime/runtime.ts";
import type { Process as OciProcess } from "#spec/oci-runtime.ts";
import type { ExecId } from "#spec/ids.ts";

/** A client that wants both asks for the start within 2 ms of the answer, within 20 on a busy machine. */
const PATIENCE_MS = 200;
/** Who makes execs and starts none has no more supervisors waiting than these. */
const MOST_WAITING = 8;

interface AheadParts {
  readonly background: Background;
  readonly clock: Pick<Clock, "delay">;
  readonly runtime: Pick<Runtime, "exec">;
}

interface Ahead {
  /** What is to run, once somebody asks for the start. */
  readonly process: PromiseWithResolvers<OciProcess>;
  readonly abort: AbortController;
  /** Undefined until conmon is started. */
  running?: Promise<ExecProcess>;
}

/**
 * Starts an exec's supervisor when the exec is made, behind the answer. conmon needs 3 to 4 ms until it can
 * start the runtime, as long as a client needs to ask for the start. Until then nothing runs in the container;
 * where nobody asks soon, the supervisor is ended.
 */
export class ExecsAhead {
  readonly #parts: AheadParts;
  readonly #waiting = new Map<ExecId, Ahead>();

  constructor(parts: AheadParts) {
    this.#parts = parts;
  }

  /** Of an exec that is attached to: whose start, that is, comes without `detach`. */
  expectStart({ id, containerId, config }: ExecDetails): void {
    const isAttached = config.AttachStdin || config.AttachStdout || config.AttachStderr;
    if (!isAttached || this.#waiting.size >= MOST_WAITING) return;
    const { background, runtime } = this.#parts;
    const ahead: Ahead = { process: Promise.withResolvers(), abort: new AbortController() };
    ahead.process.promise.catch(() => undefined); // given up before anybody asked for it
    this.#waiting.set(id, ahead);
    void background.run(`Cannot prepare exec ${id}`, async () => {
      if (this.#waiting.get(id) !== ahead) return; // the start has come
      const shape = shapeOf(config, { detach: false });
      const request = { containerId, execId: id, process: () => ahead.process.promise, ...shape };
      ahead.running = runtime.exec(request, ahead.abort.signal);
      ahead.running.catch(() => undefined); // told to whoever starts it
      void this.#endUnlessStarted(id, ahead);
    });
  }

  /**
   * Runs an exec, by the supervisor that waits for it if there is one.
   *
   * @throws As `Runtime.exec`.
   */
  async start(
    { id, containerId, config }: ExecDetails,
    given: { readonly detach: boolean; readonly process: OciProcess },
    signal: AbortSignal,
  ): Promise<ExecProcess> {
    const ahead = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (ahead?.running !== undefined && !given.detach) {
      return await runAhead(ahead, ahead.running, given.process, signal);
    }
    if (ahead?.running !== undefined) await giveUp(ahead, ahead.running);
    const shape = shapeOf(config, given);
    const request = { containerId, execId: id, process: () => given.process, ...shape };
    return await this.#parts.runtime.exec(request, signal);
  }

  async #endUnlessStarted(id: ExecId, ahead: Ahead): Promise<void> {
    const { background, clock } = this.#parts;
    await clock.delay(PATIENCE_MS, background.signal).catch(() => undefined); // the engine ends
    if (this.#waiting.get(id) !== ahead) return;
    this.#waiting.delete(id);
    ahead.process.reject(new CancelledError(`Nobody started exec ${id}`));
  }
}

function shapeOf(
  config: ExecDetails["config"],
  { detach }: { readonly detach: boolean },
): Pick<ExecRequest, "attach" | "openStdin" | "terminal"> {
  return { attach: !detach, openStdin: !detach && config.AttachStdin, terminal: config.Tty };
}

async function runAhead(
  ahead: Ahead,
  running: Promise<ExecProcess>,
  process: OciProcess,
  signal: AbortSignal,
): Promise<ExecProcess> {
  const onAbort = (): void => ahead.abort.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  ahead.process.resolve(process);
  try {
    return await running;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Resolves when nothing of it is left. */
async function giveUp(ahead: Ahead, running: Promise<ExecProcess>): Promise<void> {
  ahead.process.reject(new CancelledError("The exec is started in another way"));
  await running.catch(() => undefined);
}
