import { firstFailure, messageOf } from "#base/errors.ts";
import { DockerfileError } from "#builder/language/dockerfile-error.ts";
import { StatusError, UNKNOWN } from "#rpc/status.ts";

/** Of errors that point into a file, as BuildKit's clients know them. */
const SOURCE_TYPE = "github.com/moby/buildkit/errdefs.Source+json";

/**
 * What failed in a build, with what a client needs to show the lines that are meant. The code is the one that BuildKit has
 * for all of it: clients print any other before the message.
 */
export function withSource(thrown: unknown): StatusError {
  const error = firstFailure(thrown);
  if (error instanceof StatusError) return error;
  const status = { code: UNKNOWN, message: messageOf(error), details: [] };
  if (!(error instanceof DockerfileError) || !error.range || !error.source) {
    return new StatusError(status, { cause: error });
  }
  const { range, source } = error;
  const value = {
    info: {
      filename: source.fileName,
      data: Buffer.from(source.text).toString("base64"),
    },
    ranges: [{ start: { line: range.startLine }, end: { line: range.endLine } }],
  };
  return new StatusError(
    {
      ...status,
      details: [{ typeUrl: SOURCE_TYPE, value: Buffer.from(JSON.stringify(value)) }],
    },
    { cause: error },
  );
}
