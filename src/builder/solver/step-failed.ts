import { DockerfileError, type SourceRange } from "#builder/language/dockerfile-error.ts";

/** A RUN whose command ended with another code than 0. */
export class StepFailedError extends DockerfileError {
  readonly exitCode: number;
  /** The command, shell included. */
  readonly command: string;

  constructor(command: string, exitCode: number, range: SourceRange) {
    super(
      `process ${JSON.stringify(command)} did not complete successfully: exit code: ${exitCode}`,
      range,
      { isParse: false },
    );
    this.exitCode = exitCode;
    this.command = command;
  }
}
