import { InvalidArgumentError } from "#base/errors.ts";

/** A definition file as it was read. */
export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

/** A stretch of a file, by offsets in UTF-16 units. */
export interface SourceRange {
  readonly file: SourceFile;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

export interface SourcePosition {
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
}

/** Something in a definition file that cannot be. The message begins with `file:line:column`. */
export class DefinitionError extends InvalidArgumentError {
  readonly range: SourceRange;
  readonly summary: string;
  readonly detail: string;

  /** @param detail A sentence that ends with a full stop, as HCL words them. */
  constructor(range: SourceRange, summary: string, detail: string) {
    const { line, column } = positionOf(range.file.text, range.start);
    super(`${range.file.name}:${line}:${column}: ${summary}: ${detail}`);
    this.range = range;
    this.summary = summary;
    this.detail = detail;
  }
}

export function positionOf(text: string, offset: number): SourcePosition {
  const before = text.slice(0, offset);
  const lastBreak = before.lastIndexOf("\n");
  const line = before.split("\n").length;
  return { line, column: Array.from(before.slice(lastBreak + 1)).length + 1 };
}

const CONTEXT_LINES = 2;
const RULE = "--------------------";

/** The lines around a fault, those that it is in marked by `>>>`, as buildx prints them; no final newline. */
export function excerptOf({ file, start, end }: SourceRange): string {
  const lines = file.text.split("\n");
  const from = positionOf(file.text, start).line;
  const to = positionOf(file.text, Math.max(start, end - 1)).line;
  const shown: string[] = [];
  const last = Math.min(lines.length, to + CONTEXT_LINES);
  for (let number = Math.max(1, from - CONTEXT_LINES); number <= last; number++) {
    const mark = number >= from && number <= to ? ">>>" : "   ";
    const text = (lines[number - 1] ?? "").replace(/\r$/, "");
    shown.push(`${String(number).padStart(4)} | ${mark} ${text}`.trimEnd());
  }
  return [`${file.name}:${from}`, RULE, ...shown, RULE].join("\n");
}

/** From the beginning of one to the end of the other. */
export function spanOf(first: SourceRange, last: SourceRange): SourceRange {
  return { file: first.file, start: first.start, end: last.end };
}
