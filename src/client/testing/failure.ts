import { InternalError } from "#base/errors.ts";

/** What a promise rejects with. @throws {InternalError} When it does not reject. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error ? error : new InternalError(String(error));
  }
  throw new InternalError("the promise was kept");
}
