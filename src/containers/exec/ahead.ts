import { type AheadParts, BegunAhead } from "#containers/begun-ahead.ts";
import type { ExecDetails } from "#containers/containers.ts";
import type { ExecProcess, ExecRequest, Runtime } from "#runtime/runtime.ts";
import type { Process as OciProcess } from "#spec/oci-runtime.ts";
import type { ExecId } from "#spec/ids.ts";

const MOST_WAITING = 8;

/**
 * Starts an exec's supervisor when the exec is made, behind the answer. Until the start is asked for nothing runs in
 * the container.
 */
export class ExecsAhead implements AsyncDisposable {
  readonly #runtime: Pick<Runtime, "exec">;
  readonly #begun: BegunAhead<ExecId, OciProcess, ExecProcess>;

  constructor(parts: AheadParts & { readonly runtime: Pick<Runtime, "exec"> }) {
    this.#runtime = parts.runtime;
    this.#begun = new BegunAhead(parts, MOST_WAITING);
  }

  /** Of an exec that is attached to: whose start, that is, comes without `detach`. */
  expectStart({ id, containerId, config }: ExecDetails): void {
    const isAttached = config.AttachStdin || config.AttachStdout || config.AttachStderr;
    if (!isAttached) return;
    this.#begun.expect(id, `Cannot prepare exec ${id}`, (process, signal) => {
      const shape = shapeOf(config, { detach: false });
      const request = { containerId, execId: id, process: () => process, ...shape };
      return this.#runtime.exec(request, signal);
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
    const begun = await this.#begun.take(id);
    if (begun && !given.detach) return await begun.goOn(given.process, signal);
    await begun?.giveUp("The exec is started in another way");
    const shape = shapeOf(config, given);
    const request = { containerId, execId: id, process: () => given.process, ...shape };
    return await this.#runtime.exec(request, signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#begun[Symbol.asyncDispose]();
  }
}

function shapeOf(
  config: ExecDetails["config"],
  { detach }: { readonly detach: boolean },
): Pick<ExecRequest, "attach" | "openStdin" | "terminal"> {
  return { attach: !detach, openStdin: !detach && config.AttachStdin, terminal: config.Tty };
}
