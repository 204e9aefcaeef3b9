import { FailedPreconditionError, messageOf, type WharfError } from "#base/errors.ts";

/** One of the targets that are built together could not be. */
export class TargetFailedError extends FailedPreconditionError {
  readonly target: string;

  /** @param isOneOfMany The message says which. @param cause Why. */
  constructor(target: string, isOneOfMany: boolean, cause: WharfError) {
    super(`${isOneOfMany ? `target ${target}: ` : ""}${messageOf(cause)}`, { cause });
    this.target = target;
  }
}
