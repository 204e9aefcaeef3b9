import { DefinitionError, type SourceFile, type SourceRange } from "./source.ts";
import type { Expression } from "./syntax.ts";

const IDENTIFIER = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;
/** Deeper texts are refused: they would exhaust the stack. */
const MAX_DEPTH = 200;

/** A place in a file that is being read. */
export class Cursor {
  readonly file: SourceFile;
  at: number;
  /** Exclusive. */
  readonly end: number;
  /** Brackets that are open: line breaks mean nothing in them. */
  brackets = 0;
  #depth = 0;
  /** Reads an expression from here: templates have expressions, and these templates. */
  readonly expression: (cursor: Cursor) => Expression;

  constructor(
    file: SourceFile,
    expression: (cursor: Cursor) => Expression,
    at: number = 0,
    end: number = file.text.length,
  ) {
    this.file = file;
    this.expression = expression;
    this.at = at;
    this.end = end;
  }

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  peek(length = 1): string {
    return this.file.text.slice(this.at, Math.min(this.at + length, this.end));
  }

  /** Goes on behind `word` where it is next. */
  take(word: string): boolean {
    if (this.peek(word.length) !== word) return false;
    this.at += word.length;
    return true;
  }

  /** @returns Undefined where no name is next. */
  takeName(): string | undefined {
    IDENTIFIER.lastIndex = this.at;
    const name = IDENTIFIER.exec(this.file.text)?.[0];
    if (name === undefined || this.at + name.length > this.end) return undefined;
    this.at += name.length;
    return name;
  }

  /** Passes over blanks and comments, and over line breaks within brackets. */
  skip(): void {
    for (;;) {
      const character = this.peek();
      if (character === " " || character === "\t" || character === "\r") this.at++;
      else if (character === "\n" && this.brackets > 0) this.at++;
      else if (character === "#" || this.peek(2) === "//") this.#skipLine();
      else if (this.peek(2) === "/*") this.#skipComment();
      else return;
    }
  }

  /** Passes over line breaks too. */
  skipLines(): void {
    this.brackets++;
    this.skip();
    this.brackets--;
  }

  #skipLine(): void {
    const at = this.file.text.indexOf("\n", this.at);
    this.at = at < 0 || at > this.end ? this.end : at;
  }

  #skipComment(): void {
    const at = this.file.text.indexOf("*/", this.at + 2);
    if (at < 0 || at + 2 > this.end) {
      this.fail("Unterminated comment", "There is no closing */ for this comment.");
    }
    this.at = at + 2;
  }

  /** Line breaks mean nothing in `work`. */
  bracketed<Result>(work: () => Result): Result {
    const before = this.brackets;
    this.brackets = before + 1;
    try {
      return work();
    } finally {
      this.brackets = before;
    }
  }

  /** Line breaks mean something in `work`, whatever brackets are open. */
  unbracketed<Result>(work: () => Result): Result {
    const before = this.brackets;
    this.brackets = 0;
    try {
      return work();
    } finally {
      this.brackets = before;
    }
  }

  deeper<Result>(work: () => Result): Result {
    if (++this.#depth > MAX_DEPTH) {
      this.fail("Too deep", `Expressions may be ${MAX_DEPTH} deep.`);
    }
    try {
      return work();
    } finally {
      this.#depth--;
    }
  }

  rangeFrom(start: number): SourceRange {
    return { file: this.file, start, end: this.at };
  }

  /** @throws {DefinitionError} At the next character. */
  fail(summary: string, detail: string): never {
    const end = Math.min(this.at + 1, this.file.text.length);
    throw new DefinitionError({ file: this.file, start: this.at, end }, summary, detail);
  }

  /** What is next, for a message. */
  get next(): string {
    if (this.isAtEnd) return "the end of the file";
    const word = /[\p{ID_Continue}-]+|\n|./uy;
    word.lastIndex = this.at;
    const found = word.exec(this.file.text)?.[0] ?? "";
    return found === "\n" ? "the end of the line" : JSON.stringify(found);
  }
}
