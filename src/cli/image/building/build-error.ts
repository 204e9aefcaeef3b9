import { messageOf, WharfError } from "#base/errors.ts";
import { BuildFailedError, type SourceExcerpt } from "#build-client/build-failure.ts";
import { ExitError } from "#cli/command/exit-error.ts";

const PADDING = 2;
const SINGLE_LINE_PADDING = 4;
const RULE = "--------------------";

/** The lines that an error is about, marked, and those around them, as buildx prints them. */
export function excerptText({ fileName, text, ranges }: SourceExcerpt): string {
  const [first] = ranges;
  if (!first) return "";
  const lines = text.split("\n");
  let start = first.startLine;
  let end = first.endLine;
  if (end > lines.length || start < 1) return "";
  // buildx's count: what stands at an edge of the file gives the other side no more
  const most = start === end ? SINGLE_LINE_PADDING : PADDING;
  for (let count = 0; count < most; count++) {
    if (start > 1) {
      start--;
      count++;
    }
    if (end < lines.length) {
      end++;
      count++;
    }
  }
  const shown = lines.slice(start - 1, end).map((line, index) => {
    const number = start + index;
    const isMeant = ranges.some(
      ({ startLine, endLine }) => number >= startLine && number <= endLine,
    );
    return `${String(number).padStart(4)} | ${isMeant ? ">>>" : "   "} ${line.replace(/\r$/, "")}`;
  });
  return [`${fileName}:${first.startLine}`, RULE, ...shown, RULE, ""].join("\n");
}

/** A failed build as docker tells it: the place, then the reason; exit code 1. */
export function toBuildExit(error: unknown): unknown {
  if (error instanceof ExitError || !(error instanceof WharfError)) return error;
  return new ExitError(`${excerptsOf(error)}ERROR: failed to build: ${messageOf(error)}`, 1, {
    cause: error,
  });
}

/** The lines that a failure, or what it came of, is about; empty where it tells none. */
export function excerptsOf(error: unknown): string {
  if (error instanceof BuildFailedError) return error.excerpts.map(excerptText).join("");
  return error instanceof Error ? excerptsOf(error.cause) : "";
}
