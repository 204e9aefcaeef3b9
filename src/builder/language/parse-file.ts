import { nearestWord } from "#base/nearest.ts";
import { DockerfileError, type SourceRange } from "./dockerfile-error.ts";
import { type Directives, parseDirectives } from "./directives.ts";
import { type Heredoc, heredocsOfLine } from "./heredoc.ts";
import { isKeyword, type Keyword, KEYWORDS } from "./keywords.ts";
import type { InstructionNode } from "./node.ts";
import { parseArguments } from "./parse-arguments.ts";
import { splitFlags } from "./words.ts";

/** A Dockerfile as a list of instructions. */
export interface ParsedFile {
  readonly directives: Directives;
  readonly nodes: readonly InstructionNode[];
}

/** Largest Dockerfile that is read, in bytes. */
export const DOCKERFILE_MAX_BYTES: number = 16 * 1024 * 1024;
/** Longest line, in bytes; BuildKit's scanner has the same. */
const LINE_MAX_BYTES = 65_535;
const MAY_HAVE_HEREDOCS: ReadonlySet<Keyword> = new Set(["ADD", "COPY", "RUN"]);

/**
 * Splits a Dockerfile into its instructions: comments and continued lines, heredocs, flags, words. What
 * they mean is `readInstruction`'s to say.
 *
 * @throws {DockerfileError} With BuildKit's words.
 */
export function parseFile(text: string): ParsedFile {
  if (text.length > DOCKERFILE_MAX_BYTES) {
    throw new DockerfileError(
      `the Dockerfile has ${text.length} characters, the limit is ${DOCKERFILE_MAX_BYTES}`,
    );
  }
  return new FileParser(text.replace(/^\uFEFF/, "")).parse();
}

/**
 * Reads one instruction of an image's ONBUILD.
 *
 * @throws {DockerfileError} It is none, or more than one.
 */
export function parseTrigger(text: string): InstructionNode {
  const [node, ...others] = parseFile(text).nodes;
  if (!node || others.length > 0) {
    throw new DockerfileError(`an ONBUILD trigger is one instruction: ${JSON.stringify(text)}`);
  }
  return node;
}

/** One instruction's text, its lines joined. */
interface Logical {
  readonly text: string;
  readonly startLine: number;
  readonly column: number;
  readonly comments: readonly string[];
  readonly hasEmptyContinuation: boolean;
}

class FileParser {
  readonly #lines: readonly string[];
  readonly #directives: Directives;
  readonly #continued: RegExp;
  /** Index of the next line. */
  #at = 0;

  constructor(text: string) {
    this.#lines = text.split("\n");
    if (this.#lines.at(-1) === "") this.#lines = this.#lines.slice(0, -1);
    this.#directives = parseDirectives(this.#lines);
    const escape = this.#directives.escape === "\\" ? "\\\\" : "`";
    this.#continued = new RegExp(`^(.*[^${escape}])?${escape}[ \\t]*$`);
  }

  parse(): ParsedFile {
    const nodes: InstructionNode[] = [];
    let comments: string[] = [];
    while (this.#at < this.#lines.length) {
      const line = this.#line();
      if (isComment(line)) {
        const isDirective = Object.values(this.#directives.lines).includes(this.#at + 1);
        if (!isDirective) comments.push(line.trim().slice(1).trim());
        this.#at++;
        continue;
      }
      const logical = this.#logical(comments);
      if (!logical) continue;
      comments = [];
      nodes.push(this.#node(logical));
    }
    if (nodes.length === 0) throw new DockerfileError("file with no instructions");
    return { directives: this.#directives, nodes };
  }

  /** The line that is next, without its end. */
  #line(): string {
    const line = (this.#lines[this.#at] ?? "").replace(/[\r\n]+$/, "");
    if (line.length > LINE_MAX_BYTES) {
      const range = { startLine: this.#at + 1, endLine: this.#at + 1, column: 1 };
      const reason = `dockerfile line greater than max allowed size of ${LINE_MAX_BYTES}`;
      throw new DockerfileError(reason, range);
    }
    return line;
  }

  /** Joins continued lines. @returns Undefined for a blank line. */
  #logical(comments: readonly string[]): Logical | undefined {
    const startLine = this.#at + 1;
    const line = this.#line();
    this.#at++;
    const trimmed = line.trimStart();
    const column = line.length - trimmed.length + 1;
    let { text, isContinued } = this.#uncontinued(trimmed);
    let hasEmptyContinuation = false;
    if (!isContinued && text === "") return undefined;
    const pieces = [text];
    while (isContinued && this.#at < this.#lines.length) {
      const next = this.#line();
      this.#at++;
      if (isComment(next)) continue;
      if (next.trim() === "") {
        hasEmptyContinuation = true;
        continue;
      }
      ({ text, isContinued } = this.#uncontinued(next));
      pieces.push(text);
    }
    const joined = pieces.join("");
    if (joined.trim() === "") return undefined;
    return { text: joined, startLine, column, comments, hasEmptyContinuation };
  }

  #uncontinued(line: string): { readonly text: string; readonly isContinued: boolean } {
    const match = this.#continued.exec(line);
    return match ? { text: match[1] ?? "", isContinued: true } : { text: line, isContinued: false };
  }

  #node(logical: Logical): InstructionNode {
    const { text, startLine, column, comments, hasEmptyContinuation } = logical;
    const range = { startLine, endLine: this.#at, column };
    const bare = this.#bareNode(text, range);
    const heredocs = this.#heredocs(bare, text, range);
    const ended = { ...range, endLine: this.#at };
    const node = { ...bare, comments, hasEmptyContinuation, heredocs, range: ended };
    if (!node.child) return node;
    return { ...node, child: { ...node.child, heredocs, range: ended } };
  }

  #bareNode(text: string, range: SourceRange): InstructionNode {
    const line = text.trim();
    const [, written = "", behind = ""] = /^([^\t\v\f\r ]+)[\t\v\f\r ]*([\s\S]*)$/.exec(line) ?? [];
    const keyword = written.toUpperCase();
    if (!isKeyword(keyword)) throw unknownInstruction(written, range);
    const { flags, rest } = splitFlags(behind);
    const trimmedRest = rest.trim();
    const { escape } = this.#directives;
    const node = {
      keyword,
      writtenKeyword: written,
      flags: flags.map((flag) => flag.text),
      ...parseArguments(keyword, trimmedRest, { escape, range }),
      heredocs: [],
      original: line,
      range,
      comments: [],
      hasEmptyContinuation: false,
    };
    if (keyword !== "ONBUILD" || trimmedRest === "") return node;
    return { ...node, child: this.#bareNode(trimmedRest, range) };
  }

  #heredocs(node: InstructionNode, line: string, range: SourceRange): readonly Heredoc[] {
    const holder = node.child ?? node;
    if (!MAY_HAVE_HEREDOCS.has(holder.keyword) || holder.isJson || !line.includes("<<")) return [];
    return heredocsOfLine(line).map((start) => ({ ...start, content: this.#body(start, range) }));
  }

  #body(start: Pick<Heredoc, "name" | "isChomped">, range: SourceRange): string {
    let content = "";
    while (this.#at < this.#lines.length) {
      const raw = this.#lines[this.#at++] ?? "";
      const line = raw.replace(/\r+$/, "");
      if ((start.isChomped ? line.replace(/^\t+/, "") : line) === start.name) return content;
      content += `${raw}\n`;
    }
    const reason = `unterminated heredoc: no line is ${JSON.stringify(start.name)}`;
    throw new DockerfileError(reason, { ...range, endLine: this.#at });
  }
}

function isComment(line: string): boolean {
  return line.trimStart().startsWith("#");
}

function unknownInstruction(word: string, range: SourceRange): DockerfileError {
  const near = nearestWord(word, KEYWORDS);
  const hint = near === undefined ? "" : ` (did you mean ${near}?)`;
  return new DockerfileError(`unknown instruction: ${word}${hint}`, range);
}
