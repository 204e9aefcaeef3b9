import { InvalidArgumentError } from "#base/errors.ts";

/** The error that carries the exit code that docker gives in this case, instead of its kind's. */
export class ExitError extends InvalidArgumentError {
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Exit code of a command line that cannot be parsed, and of `run` failing before the command. */
export const exitCannotStart = 125;

/** Exit code of a `--format` template that does not parse, where docker gives it. */
export const exitBadTemplate = 64;
