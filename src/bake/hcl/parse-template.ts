import { Cursor } from "./cursor.ts";
import { DefinitionError, type SourceRange } from "./source.ts";
import type { Expression, TemplatePart } from "./syntax.ts";
import { text } from "./value.ts";

/** Piece of a template before its `if` and `for` are put together. */
type Piece =
  | { readonly kind: "text"; text: string }
  | { readonly kind: "interpolation"; readonly expression: Expression }
  | { readonly kind: "if"; readonly condition: Expression; readonly range: SourceRange }
  | { readonly kind: "else" | "endif" | "endfor"; readonly range: SourceRange }
  | {
      readonly kind: "for";
      readonly keyName: string | undefined;
      readonly valueName: string;
      readonly collection: Expression;
      readonly range: SourceRange;
    };

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  '"': '"',
  "\\": "\\",
};

/** Reads `"…"` from its first quote. */
export function parseQuoted(cursor: Cursor): Expression {
  const start = cursor.at;
  cursor.at++;
  const pieces = readPieces(cursor, { isQuoted: true });
  if (!cursor.take('"')) {
    cursor.at = start;
    cursor.fail("Unterminated string", "A string ends with a quote on the line where it begins.");
  }
  return templateOf(pieces, cursor.rangeFrom(start));
}

/** Reads `<<NAME` up to the line that has the name alone. */
export function parseHeredoc(cursor: Cursor): Expression {
  const start = cursor.at;
  const opened = /<<(-?)([\p{ID_Start}_][\p{ID_Continue}-]*)\r?\n/uy;
  opened.lastIndex = start;
  const match = opened.exec(cursor.file.text);
  if (!match) cursor.fail("Invalid heredoc", "A heredoc begins with << and a name on its own.");
  const [head, dash = "", name = ""] = match;
  const body = start + head.length;
  const closing = new RegExp(`^[ \\t]*${RegExp.escape(name)}[ \\t]*\\r?$`, "gmu");
  closing.lastIndex = body;
  const end = closing.exec(cursor.file.text);
  if (!end || end.index > cursor.end) {
    cursor.fail("Unterminated heredoc", `There is no line with ${name} alone to end this.`);
  }
  const inner = new Cursor(cursor.file, cursor.expression, body, end.index);
  const pieces = readPieces(inner, { isQuoted: false });
  if (dash !== "") unindent(pieces);
  cursor.at = end.index + end[0].trimEnd().length;
  return templateOf(pieces, cursor.rangeFrom(start));
}

/** A string of a JSON file as the template that it is. */
export function parseTemplateText(
  content: string,
  range: SourceRange,
  expression: Cursor["expression"],
): Expression {
  if (!/[$%]\{/.test(content)) return { kind: "literal", value: text(content), range };
  const cursor = new Cursor({ name: range.file.name, text: content }, expression);
  try {
    return templateOf(readPieces(cursor, { isQuoted: false }), range);
  } catch (error) {
    if (!(error instanceof DefinitionError)) throw error;
    throw new DefinitionError(range, error.summary, error.detail);
  }
}

function readPieces(cursor: Cursor, { isQuoted }: { readonly isQuoted: boolean }): Piece[] {
  const pieces: Piece[] = [];
  let literal = "";
  let trimsNext = false;
  const flush = (trimsEnd: boolean): void => {
    let found = literal;
    // blanks go up to the end of the line, not beyond
    if (trimsNext) found = found.replace(/^[^\S\n]*\n?/, "");
    if (trimsEnd) found = found.replace(/(?:[^\S\n]+|[^\S\n]*\n)$/, "");
    trimsNext = false;
    if (found !== "") pieces.push({ kind: "text", text: found });
    literal = "";
  };
  while (!cursor.isAtEnd) {
    const two = cursor.peek(2);
    if (isQuoted && (two[0] === '"' || two[0] === "\n")) break;
    if (cursor.take("$${")) literal += "${";
    else if (cursor.take("%%{")) literal += "%{";
    else if (isQuoted && two[0] === "\\") literal += readEscape(cursor);
    else if (two === "${" || two === "%{") {
      const start = cursor.at;
      cursor.at += 2;
      flush(cursor.take("~"));
      const piece = two === "${" ? readInterpolation(cursor) : readDirective(cursor, start);
      pieces.push(piece);
      cursor.bracketed(() => cursor.skip());
      trimsNext = cursor.take("~");
      if (!cursor.take("}")) {
        cursor.fail("Invalid template", `Expected } to end this, not ${cursor.next}.`);
      }
    } else {
      literal += two[0];
      cursor.at++;
    }
  }
  flush(false);
  return pieces;
}

function readEscape(cursor: Cursor): string {
  const letter = cursor.peek(2)[1] ?? "";
  const simple = ESCAPES[letter];
  if (simple !== undefined) {
    cursor.at += 2;
    return simple;
  }
  const length = letter === "u" ? 4 : letter === "U" ? 8 : 0;
  const digits = cursor.peek(2 + length).slice(2);
  const point = Number.parseInt(digits, 16);
  if (length === 0 || digits.length < length || !/^[\da-f]+$/i.test(digits) || point > 0x10ffff) {
    cursor.fail("Invalid escape", String.raw`There are \n \r \t \" \\ \uNNNN and \UNNNNNNNN.`);
  }
  cursor.at += 2 + length;
  return String.fromCodePoint(point);
}

function readInterpolation(cursor: Cursor): Piece {
  return {
    kind: "interpolation",
    expression: cursor.bracketed(() => cursor.expression(cursor)),
  };
}

function readDirective(cursor: Cursor, start: number): Piece {
  return cursor.bracketed((): Piece => {
    cursor.skip();
    const nameAt = cursor.at;
    const name = cursor.takeName();
    switch (name) {
      case "if": {
        const condition = cursor.expression(cursor);
        return { kind: "if", condition, range: cursor.rangeFrom(start) };
      }
      case "else":
      case "endif":
      case "endfor":
        return { kind: name, range: cursor.rangeFrom(start) };
      case "for": {
        const names = readForNames(cursor);
        const collection = cursor.expression(cursor);
        return { kind: "for", ...names, collection, range: cursor.rangeFrom(start) };
      }
      default:
        cursor.at = nameAt;
        return cursor.fail("Invalid template", "There are if, else, endif, for and endfor.");
    }
  });
}

/** `key, value in`, behind `for`. */
export function readForNames(cursor: Cursor): {
  readonly keyName: string | undefined;
  readonly valueName: string;
} {
  const name = (): string => {
    cursor.skip();
    return cursor.takeName() ?? cursor.fail("Invalid for", `Expected a name, not ${cursor.next}.`);
  };
  const first = name();
  cursor.skip();
  const second = cursor.take(",") ? name() : undefined;
  cursor.skip();
  if (cursor.takeName() !== "in") cursor.fail("Invalid for", "Expected in behind the names.");
  return second === undefined
    ? { keyName: undefined, valueName: first }
    : { keyName: first, valueName: second };
}

/** Takes from all lines what the least indented one has before its first letter. */
function unindent(pieces: Piece[]): void {
  let least = Number.POSITIVE_INFINITY;
  let isLineStart = true;
  for (const [index, piece] of pieces.entries()) {
    if (piece.kind !== "text") {
      if (isLineStart) least = 0;
      isLineStart = false;
      continue;
    }
    const lines = piece.text.split("\n");
    for (const [number, line] of lines.entries()) {
      const isWhole = number > 0 || isLineStart;
      const isLast = number === lines.length - 1;
      // blanks before an interpolation indent it; a blank line says nothing
      const says = line.trim() !== "" || (isLast && line !== "" && index < pieces.length - 1);
      if (isWhole && says) least = Math.min(least, /^[ \t]*/.exec(line)?.[0].length ?? 0);
    }
    isLineStart = piece.text.endsWith("\n");
  }
  isLineStart = true;
  for (const piece of pieces) {
    if (piece.kind !== "text") {
      isLineStart = false;
      continue;
    }
    const lines = piece.text.split("\n");
    const shifted = lines.map((line, number) => {
      if (number === 0 && !isLineStart) return line;
      const indent = /^[ \t]*/.exec(line)?.[0].length ?? 0;
      return line.slice(Math.min(indent, least));
    });
    isLineStart = piece.text.endsWith("\n");
    piece.text = shifted.join("\n");
  }
}

function templateOf(pieces: readonly Piece[], range: SourceRange): Expression {
  const [first] = pieces;
  if (!first) return { kind: "literal", value: text(""), range };
  if (pieces.length === 1 && first.kind === "text") {
    return { kind: "literal", value: text(first.text), range };
  }
  // an interpolation alone keeps its type
  if (pieces.length === 1 && first.kind === "interpolation") return first.expression;
  const rest = [...pieces];
  const parts = takeParts(rest, undefined);
  return { kind: "template", parts, range };
}

/** Pieces up to the one that ends the directive, which stays. */
function takeParts(rest: Piece[], opened: Piece | undefined): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  for (;;) {
    const piece = rest[0];
    if (!piece) {
      if (!opened || !("range" in opened)) return parts;
      const end = opened.kind === "for" ? "endfor" : "endif";
      throw new DefinitionError(opened.range, "Unterminated template", `There is no %{ ${end} }.`);
    }
    const isEnd = piece.kind === "else" || piece.kind === "endif" || piece.kind === "endfor";
    if (isEnd && opened) return parts;
    rest.shift();
    switch (piece.kind) {
      case "text":
      case "interpolation":
        parts.push(piece);
        break;
      case "if": {
        const whenTrue = takeParts(rest, piece);
        const whenFalse = rest[0]?.kind === "else" ? (rest.shift(), takeParts(rest, piece)) : [];
        endDirective(rest, "endif");
        parts.push({ kind: "if", condition: piece.condition, whenTrue, whenFalse });
        break;
      }
      case "for": {
        const inner = takeParts(rest, piece);
        endDirective(rest, "endfor");
        const { keyName, valueName, collection } = piece;
        parts.push({ kind: "for", keyName, valueName, collection, parts: inner });
        break;
      }
      default:
        throw new DefinitionError(piece.range, "Invalid template", `Nothing is open here.`);
    }
  }
}

function endDirective(rest: Piece[], kind: "endif" | "endfor"): void {
  const piece = rest.shift();
  if (piece?.kind === kind) return;
  if (piece && "range" in piece) {
    throw new DefinitionError(piece.range, "Invalid template", `Expected %{ ${kind} } here.`);
  }
}
