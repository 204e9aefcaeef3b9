import { FailedPreconditionError } from "#base/errors.ts";
import { StatusError } from "#rpc/status.ts";

/** A piece of a file that an error is about. */
export interface SourceExcerpt {
  readonly fileName: string;
  readonly text: string;
  /** First and last lines of the ranges, from 1. */
  readonly ranges: readonly { readonly startLine: number; readonly endLine: number }[];
}

/** A build that the engine gave up, in its words. */
export class BuildFailedError extends FailedPreconditionError {
  /** What of which file is meant. */
  readonly excerpts: readonly SourceExcerpt[];

  constructor(message: string, excerpts: readonly SourceExcerpt[], options?: ErrorOptions) {
    super(message, options);
    this.excerpts = excerpts;
  }
}

const SOURCE_TYPE = "github.com/moby/buildkit/errdefs.Source+json";
const SOURCE_PROTO_TYPE = "errdefs.Source";

/** What a call failed with, as a failure of the build; anything else as it is. */
export function toBuildFailure(error: unknown): unknown {
  if (!(error instanceof StatusError)) return error;
  const excerpts = error.status.details.flatMap(({ typeUrl, value }) =>
    typeUrl === SOURCE_TYPE || typeUrl.endsWith(SOURCE_PROTO_TYPE) ? readSource(value) : [],
  );
  return new BuildFailedError(`failed to solve: ${error.message}`, excerpts, { cause: error });
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** `pb.Source` in JSON: `{ info: { filename, data }, ranges: [{ start: { line }, end: { line } }] }`. */
function readSource(value: Uint8Array): readonly SourceExcerpt[] {
  let source: Fields;
  try {
    source = fieldsOf(JSON.parse(Buffer.from(value).toString()));
  } catch {
    return []; // the message tells the main thing
  }
  const info = fieldsOf(source["info"]);
  const { filename, data } = info;
  if (typeof filename !== "string" || typeof data !== "string") return [];
  const ranges = Array.isArray(source["ranges"]) ? source["ranges"] : [];
  const read = ranges.map((range) => {
    const startLine = lineOf(fieldsOf(range)["start"]);
    return { startLine, endLine: Math.max(startLine, lineOf(fieldsOf(range)["end"])) };
  });
  const text = Buffer.from(data, "base64").toString();
  return [{ fileName: filename, text, ranges: read.filter(({ startLine }) => startLine > 0) }];
}

function lineOf(position: unknown): number {
  const { line } = fieldsOf(position);
  return typeof line === "number" ? line : 0;
}
