import { type ErrorKind, WharfError, firstFailure, messageOf } from "#base/errors.ts";
import { HTTP_STATUS } from "./http-status.ts";

/** Body of every refusal: Docker's `message`, and our `kind` so that our client rebuilds the class. */
export interface ErrorBody {
  readonly message: string;
  readonly kind: ErrorKind;
}

export interface ErrorAnswer {
  readonly status: number;
  readonly body: ErrorBody;
  /** For the log only: a client sees no internals of a bug. */
  readonly isBug: boolean;
}

const BUG_MESSAGE = "Internal error of the engine: its log says more";

/** What a client is told about whatever was thrown. */
export function answerForError(failure: unknown): ErrorAnswer {
  const thrown = firstFailure(failure);
  if (thrown instanceof WharfError && thrown.kind !== "internal") {
    return {
      status: HTTP_STATUS[thrown.kind],
      body: { message: thrown.message, kind: thrown.kind },
      isBug: false,
    };
  }
  return { status: 500, body: { message: BUG_MESSAGE, kind: "internal" }, isBug: true };
}

/** Text of an error that breaks off an answer already under way: a JSON line of a progress stream. */
export function streamErrorMessage(thrown: unknown): string {
  const answer = answerForError(thrown);
  return answer.isBug ? BUG_MESSAGE : messageOf(firstFailure(thrown));
}
