import { InvalidArgumentError } from "#base/errors.ts";

/** Where in a Dockerfile something stands. Lines and columns count from 1. */
export interface SourceRange {
  readonly startLine: number;
  /** Inclusive. */
  readonly endLine: number;
  /** Of the word that is meant, in `startLine`. */
  readonly column: number;
}

/** The text of a Dockerfile and what it is called. */
export interface SourceText {
  readonly fileName: string;
  readonly text: string;
}

/** A Dockerfile that cannot be built as it is written. The message begins with BuildKit's words. */
export class DockerfileError extends InvalidArgumentError {
  readonly range: SourceRange | undefined;
  /** What went wrong, without the line. */
  readonly reason: string;
  /** The file, once somebody knows it. */
  source: SourceText | undefined;

  /** @param options.isParse Whether the message names the line, as BuildKit's parser does. */
  constructor(
    reason: string,
    range?: SourceRange,
    options: ErrorOptions & { readonly isParse?: boolean } = {},
  ) {
    const { isParse = true, ...rest } = options;
    super(
      range && isParse ? `dockerfile parse error on line ${range.startLine}: ${reason}` : reason,
      rest,
    );
    this.reason = reason;
    this.range = range;
  }
}

/** Lines around the fault that are shown with it. */
const CONTEXT_LINES = 2;
const RULE = "--------------------";

/**
 * The lines around a range, those of the range marked by `>>>`, as buildx prints them.
 *
 * @returns First line `Dockerfile:3:5`, no final newline.
 */
export function excerptOf(source: SourceText, range: SourceRange): string {
  const lines = source.text.split("\n");
  const first = Math.max(1, range.startLine - CONTEXT_LINES);
  const last = Math.min(lines.length, range.endLine + CONTEXT_LINES);
  const shown: string[] = [];
  for (let number = first; number <= last; number++) {
    const isMeant = number >= range.startLine && number <= range.endLine;
    const text = (lines[number - 1] ?? "").replace(/\r$/, "");
    shown.push(`${String(number).padStart(4)} | ${isMeant ? ">>>" : "   "} ${text}`);
  }
  const place = `${source.fileName}:${range.startLine}:${range.column}`;
  return [place, RULE, ...shown, RULE].join("\n");
}
