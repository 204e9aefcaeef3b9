import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";

/** The command does not exist in the container; `docker run` exits with 127. */
export class CommandNotFoundError extends InvalidArgumentError {
  readonly exitCode = 127;
}

/** The command is there and cannot be executed; `docker run` exits with 126. */
export class CommandNotInvocableError extends InvalidArgumentError {
  readonly exitCode = 126;
}

/** The OCI runtime failed for another reason: a mount, a limit, a sysctl. */
export class RuntimeRefusedError extends FailedPreconditionError {
  readonly exitCode = 128;
}
