import { quoteGo } from "#base/go-number.ts";

export type TokenKind =
  | "assign"
  | "bool"
  | "char"
  | "character"
  | "declare"
  | "dot"
  | "eof"
  | "error"
  | "field"
  | "identifier"
  | "keyword"
  | "left-delimiter"
  | "left-paren"
  | "number"
  | "pipe"
  | "raw-string"
  | "right-delimiter"
  | "right-paren"
  | "space"
  | "string"
  | "text"
  | "variable";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Offset in the template. */
  readonly at: number;
  /** Line at which the token begins, 1 first. */
  readonly line: number;
}

const LEFT = "{{";
const RIGHT = "}}";
const KEYWORDS: ReadonlySet<string> = new Set(
  "block break continue define else end if range nil template with".split(" "),
);

/** A token as an error message shows it. */
export function describeToken(token: Token): string {
  if (token.kind === "eof") return "EOF";
  if (token.kind === "error") return token.text;
  // to Go the dot is a keyword
  if (token.kind === "keyword" || token.kind === "dot") return `<${token.text}>`;
  return token.text.length > 10 ? `${quoteGo(token.text.slice(0, 10))}...` : quoteGo(token.text);
}

function isSpace(character: string | undefined): boolean {
  return character !== undefined && " \t\r\n".includes(character);
}

function isAlphanumeric(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{Nd}_]/u.test(character);
}

function describeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase().padStart(4, "0");
  return code < 0x20 || code === 0x7f ? `U+${hex}` : `U+${hex} '${character}'`;
}

/** Splits a template as Go's `text/template/parse` does. The last token is `eof` or `error`. */
export function lexTemplate(text: string): readonly Token[] {
  return new Lexer(text).run();
}

class Lexer {
  readonly #text: string;
  readonly #tokens: Token[] = [];
  #start = 0;
  #at = 0;
  #startLine = 1;
  #line = 1;
  #parenDepth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): readonly Token[] {
    while (this.#at <= this.#text.length) {
      if (!this.#lexText()) break;
      if (!this.#lexAction()) break;
    }
    return this.#tokens;
  }

  #emit(kind: TokenKind): true {
    const text = this.#text.slice(this.#start, this.#at);
    this.#tokens.push({ kind, text, at: this.#start, line: this.#startLine });
    this.#ignore();
    return true;
  }

  #ignore(): void {
    for (let index = this.#start; index < this.#at; index++) {
      if (this.#text[index] === "\n") this.#line++;
    }
    this.#start = this.#at;
    this.#startLine = this.#line;
  }

  #fail(message: string): false {
    this.#tokens.push({ kind: "error", text: message, at: this.#start, line: this.#startLine });
    return false;
  }

  #hasRightTrim(at: number): boolean {
    return isSpace(this.#text[at]) && this.#text.startsWith(`-${RIGHT}`, at + 1);
  }

  /** Plain text up to the next action; false at the end. */
  #lexText(): boolean {
    const open = this.#text.indexOf(LEFT, this.#at);
    if (open < 0) {
      this.#at = this.#text.length;
      if (this.#at > this.#start) this.#emit("text");
      this.#emit("eof");
      return false;
    }
    const isTrimmed = this.#text[open + 2] === "-" && isSpace(this.#text[open + 3]);
    let end = open;
    while (isTrimmed && end > this.#start && isSpace(this.#text[end - 1])) end--;
    this.#at = end;
    if (this.#at > this.#start) this.#emit("text");
    this.#at = open;
    this.#ignore();
    const afterTrim = open + (isTrimmed ? 4 : 2);
    if (this.#text.startsWith("/*", afterTrim)) return this.#lexComment(afterTrim);
    this.#at = open + 2;
    this.#emit("left-delimiter");
    this.#at = afterTrim;
    this.#ignore();
    this.#parenDepth = 0;
    return true;
  }

  #lexComment(at: number): boolean {
    const close = this.#text.indexOf("*/", at);
    if (close < 0) return this.#fail("unclosed comment");
    const after = close + 2;
    const isTrimmed = this.#hasRightTrim(after);
    if (!isTrimmed && !this.#text.startsWith(RIGHT, after)) {
      return this.#fail("comment ends before closing delimiter");
    }
    this.#at = after + (isTrimmed ? 4 : 2);
    if (isTrimmed) this.#skipSpace();
    this.#ignore();
    return this.#lexText();
  }

  #skipSpace(): void {
    while (isSpace(this.#text[this.#at])) this.#at++;
  }

  /** Tokens up to and with the closing delimiter; false after an error. */
  #lexAction(): boolean {
    for (;;) {
      const isTrimmed = this.#hasRightTrim(this.#at);
      if (isTrimmed || this.#text.startsWith(RIGHT, this.#at)) {
        if (this.#parenDepth > 0) return this.#fail("unclosed left paren");
        if (isTrimmed) {
          this.#at += 2;
          this.#ignore();
        }
        this.#at += 2;
        this.#emit("right-delimiter");
        if (isTrimmed) {
          this.#skipSpace();
          this.#ignore();
        }
        return true;
      }
      if (!this.#lexToken()) return false;
    }
  }

  #lexToken(): boolean {
    const character = this.#text[this.#at];
    if (character === undefined) return this.#fail("unclosed action");
    if (isSpace(character)) return this.#lexSpace();
    const next = this.#text[this.#at + 1];
    switch (character) {
      case "=":
        return this.#single("assign");
      case ":":
        if (next !== "=") return this.#fail("expected :=");
        this.#at += 2;
        return this.#emit("declare");
      case "|":
        return this.#single("pipe");
      case '"':
      case "'":
        return this.#lexQuoted(character);
      case "`":
        return this.#lexRaw();
      case "$":
        return this.#lexName("variable");
      case "(":
        this.#parenDepth++;
        return this.#single("left-paren");
      case ")":
        if (--this.#parenDepth < 0) return this.#fail("unexpected right paren");
        return this.#single("right-paren");
      case ".":
        return next !== undefined && /[0-9]/.test(next)
          ? this.#lexNumber()
          : this.#lexName("field");
      default:
    }
    if (/[-+0-9]/.test(character)) return this.#lexNumber();
    const whole = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    if (isAlphanumeric(whole)) return this.#lexIdentifier();
    if (/[\x21-\x7e]/.test(character)) return this.#single("character");
    return this.#fail(`unrecognized character in action: ${describeCharacter(whole)}`);
  }

  #single(kind: TokenKind): true {
    this.#at++;
    return this.#emit(kind);
  }

  #lexSpace(): true {
    // the blank before `-}}` belongs to the delimiter
    while (isSpace(this.#text[this.#at]) && !this.#hasRightTrim(this.#at)) this.#at++;
    return this.#emit("space");
  }

  #lexQuoted(quote: string): boolean {
    const noun = quote === '"' ? "quoted string" : "character constant";
    for (this.#at++; this.#text[this.#at] !== quote; this.#at++) {
      const character = this.#text[this.#at];
      if (character === "\\" && this.#text[this.#at + 1] !== "\n") this.#at++;
      if (this.#text[this.#at] === undefined || character === "\n") {
        return this.#fail(`unterminated ${noun}`);
      }
    }
    this.#at++;
    return this.#emit(quote === '"' ? "string" : "char");
  }

  #lexRaw(): boolean {
    const close = this.#text.indexOf("`", this.#at + 1);
    if (close < 0) return this.#fail("unterminated raw quoted string");
    this.#at = close + 1;
    return this.#emit("raw-string");
  }

  #word(): void {
    for (;;) {
      const point = this.#text.codePointAt(this.#at);
      if (point === undefined || !isAlphanumeric(String.fromCodePoint(point))) return;
      this.#at += point > 0xffff ? 2 : 1;
    }
  }

  #isAtTerminator(): boolean {
    const character = this.#text[this.#at];
    if (character === undefined || isSpace(character)) return true;
    return ".,|:)(=".includes(character) || this.#text.startsWith(RIGHT, this.#at);
  }

  #badCharacter(): false {
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    return this.#fail(`bad character ${describeCharacter(character)}`);
  }

  #lexName(kind: "field" | "variable"): boolean {
    this.#at++;
    const begin = this.#at;
    this.#word();
    if (!this.#isAtTerminator()) return this.#badCharacter();
    return this.#emit(kind === "field" && this.#at === begin ? "dot" : kind);
  }

  #lexIdentifier(): boolean {
    this.#word();
    if (!this.#isAtTerminator()) return this.#badCharacter();
    const word = this.#text.slice(this.#start, this.#at);
    if (KEYWORDS.has(word)) return this.#emit("keyword");
    return this.#emit(word === "true" || word === "false" ? "bool" : "identifier");
  }

  #lexNumber(): boolean {
    const number =
      /^[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9_]+)?)/.exec(
        this.#text.slice(this.#at),
      )?.[0] ?? "";
    this.#at += number.length;
    // a sign here would begin the imaginary part of a complex number, which no template needs
    const sign = /^[-+][0-9]*/.exec(this.#text.slice(this.#at))?.[0];
    if (sign !== undefined && number !== "") {
      this.#at += sign.length;
      return this.#fail(`bad number syntax: ${quoteGo(this.#text.slice(this.#start, this.#at))}`);
    }
    const point = this.#text.codePointAt(this.#at);
    if (
      !/[0-9]/.test(number) ||
      (point !== undefined && isAlphanumeric(String.fromCodePoint(point)))
    ) {
      this.#at++;
      const text = this.#text.slice(this.#start, this.#at);
      return this.#fail(`bad number syntax: ${quoteGo(text)}`);
    }
    return this.#emit("number");
  }
}
