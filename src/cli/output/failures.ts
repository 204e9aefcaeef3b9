import { messageOf } from "#base/errors.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { EngineUnreachableError } from "#client/error-response.ts";

/** What went wrong with some of a command's arguments, told together at its end. */
export class Failures {
  readonly #lines: string[] = [];
  #unreachable: EngineUnreachableError | undefined;

  add(error: unknown): void {
    if (error instanceof EngineUnreachableError) this.#unreachable ??= error;
    this.#lines.push(messageOf(error));
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /**
   * @param last A line that docker puts behind the failures.
   * @throws {ExitError} All failures, one a line, exit code 1. {EngineUnreachableError} No engine answers: said once,
   *   not for each argument.
   */
  throwIfAny(...last: readonly string[]): void {
    if (this.#unreachable) throw this.#unreachable;
    if (this.#lines.length > 0) throw new ExitError([...this.#lines, ...last].join("\n"), 1);
  }
}
