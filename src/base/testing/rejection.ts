import { InternalError, messageOf } from "#base/errors.ts";

/**
 * The message that a promise rejects with: bun's types do not tell the linter that
 * `expect().rejects` is to be awaited.
 */
export async function rejectionOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return messageOf(error);
  }
  throw new InternalError("Expected a rejection, but the promise resolved");
}
