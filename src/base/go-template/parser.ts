import { InvalidArgumentError } from "#base/errors.ts";
import { quoteGo } from "#base/go-number.ts";
import { describeToken, lexTemplate, type Token, type TokenKind } from "./lexer.ts";
import type { Branch, Command, Node, Operand, Pipe } from "./nodes.ts";

/** Trees by name; the outermost has the template's own name. */
export type Trees = ReadonlyMap<string, readonly Node[]>;

const MAX_DEPTH = 200;

/**
 * Parses a template.
 *
 * @param knownFunctions Whether a function of that name exists.
 * @throws {InvalidArgumentError} With Go's text: `template: NAME:LINE: …`.
 */
export function parseTrees(
  name: string,
  text: string,
  knownFunctions: (name: string) => boolean,
): Trees {
  return new Parser(name, text, knownFunctions).parse();
}

type Terminator = "end" | "else";

class Parser {
  readonly #name: string;
  readonly #tokens: readonly Token[];
  readonly #isFunction: (name: string) => boolean;
  readonly #trees = new Map<string, readonly Node[]>();
  #at = 0;
  #variables: string[] = ["$"];
  #rangeDepth = 0;
  #depth = 0;
  #actionLine = 0;

  constructor(name: string, text: string, isFunction: (name: string) => boolean) {
    this.#name = name;
    this.#tokens = lexTemplate(text);
    this.#isFunction = isFunction;
  }

  parse(): Trees {
    const nodes: Node[] = [];
    while (this.#peek().kind !== "eof") {
      const keyword = this.#keywordAhead();
      if (keyword === "define") this.#define();
      else nodes.push(...this.#textOrAction());
    }
    // an own tree only of blanks does not replace a definition of that name
    const isBlank = nodes.every((node) => node.kind === "text" && node.text.trim() === "");
    if (!isBlank || !this.#trees.has(this.#name)) this.#trees.set(this.#name, nodes);
    return this.#trees;
  }

  #peek(): Token {
    const token = this.#tokens[this.#at] ?? this.#tokens.at(-1);
    return token ?? { kind: "eof", text: "", at: 0, line: 1 };
  }

  #next(): Token {
    const token = this.#peek();
    this.#at++;
    return token;
  }

  #peekSolid(): Token {
    while (this.#peek().kind === "space") this.#at++;
    return this.#peek();
  }

  #nextSolid(): Token {
    this.#peekSolid();
    return this.#next();
  }

  #error(
    message: string,
    line = this.#tokens[Math.max(0, this.#at - 1)]?.line ?? 1,
  ): InvalidArgumentError {
    return new InvalidArgumentError(`template: ${this.#name}:${line}: ${message}`);
  }

  #unexpected(token: Token, context: string): InvalidArgumentError {
    if (token.kind !== "error") {
      return this.#error(`unexpected ${describeToken(token)} in ${context}`, token.line);
    }
    let extra = "";
    if (this.#actionLine !== 0 && this.#actionLine !== token.line) {
      extra = ` in action started at ${this.#name}:${this.#actionLine}`;
      if (token.text.endsWith(" action")) extra = extra.slice(" in action".length);
    }
    return this.#error(token.text + extra, token.line);
  }

  #expect(kind: TokenKind, context: string): Token {
    const token = this.#nextSolid();
    if (token.kind !== kind) throw this.#unexpected(token, context);
    return token;
  }

  /** The keyword right behind an opening delimiter at this place. */
  #keywordAhead(): string | undefined {
    if (this.#peek().kind !== "left-delimiter") return undefined;
    let index = this.#at + 1;
    while (this.#tokens[index]?.kind === "space") index++;
    const token = this.#tokens[index];
    return token?.kind === "keyword" ? token.text : undefined;
  }

  #define(): void {
    const context = "define clause";
    this.#next();
    this.#nextSolid();
    const token = this.#nextSolid();
    if (token.kind !== "string" && token.kind !== "raw-string")
      throw this.#unexpected(token, context);
    const name = this.#unquote(token);
    this.#expect("right-delimiter", context);
    const outer = this.#variables;
    const outerRange = this.#rangeDepth;
    this.#variables = ["$"];
    this.#rangeDepth = 0;
    const { nodes, terminator } = this.#itemList();
    this.#variables = outer;
    this.#rangeDepth = outerRange;
    if (terminator !== "end") throw this.#error("unexpected {{else}} in define clause");
    this.#trees.set(name, nodes);
  }

  #textOrAction(): readonly Node[] {
    const token = this.#nextSolid();
    switch (token.kind) {
      case "text":
        return [{ kind: "text", at: token.at, text: token.text }];
      case "left-delimiter": {
        this.#actionLine = token.line;
        const found = this.#action();
        this.#actionLine = 0;
        if (found.kind === "terminator") throw this.#error(`unexpected {{${found.word}}}`);
        return found.nodes;
      }
      default:
        throw this.#unexpected(token, "input");
    }
  }

  /** Nodes up to `{{end}}` or `{{else…}}`. */
  #itemList(): { readonly nodes: readonly Node[]; readonly terminator: Terminator } {
    if (++this.#depth > MAX_DEPTH) throw this.#error("template is nested too deep");
    const nodes: Node[] = [];
    while (this.#peekSolid().kind !== "eof") {
      const token = this.#next();
      if (token.kind === "text") {
        nodes.push({ kind: "text", at: token.at, text: token.text });
        continue;
      }
      if (token.kind !== "left-delimiter") throw this.#unexpected(token, "input");
      this.#actionLine = token.line;
      const found = this.#action();
      this.#actionLine = 0;
      if (found.kind === "nodes") nodes.push(...found.nodes);
      else {
        this.#depth--;
        return { nodes, terminator: found.word };
      }
    }
    throw this.#error("unexpected EOF", this.#peek().line);
  }

  #action():
    | { readonly kind: "nodes"; readonly nodes: readonly Node[] }
    | { readonly kind: "terminator"; readonly word: Terminator } {
    const token = this.#peekSolid();
    const nodes = (
      ...list: readonly Node[]
    ): { readonly kind: "nodes"; readonly nodes: readonly Node[] } => ({
      kind: "nodes",
      nodes: list,
    });
    if (token.kind !== "keyword" || token.text === "nil") {
      const pipe = this.#pipeline("command", "right-delimiter");
      return nodes({ kind: "action", at: token.at, pipe });
    }
    this.#next();
    switch (token.text) {
      case "if":
      case "with":
      case "range":
        return nodes(this.#branch(token.text, token));
      case "end":
        this.#expect("right-delimiter", "end");
        return { kind: "terminator", word: "end" };
      case "else": {
        const next = this.#peekSolid();
        const isChained = next.kind === "keyword" && (next.text === "if" || next.text === "with");
        if (!isChained) this.#expect("right-delimiter", "else");
        return { kind: "terminator", word: "else" };
      }
      case "break":
      case "continue":
        this.#expect("right-delimiter", `{{${token.text}}}`);
        if (this.#rangeDepth === 0)
          throw this.#error(`{{${token.text}}} outside {{range}}`, token.line);
        return nodes({ kind: token.text, at: token.at });
      case "template":
        return nodes(this.#templateCall());
      case "block":
        return nodes(this.#block(token));
      default:
        throw this.#unexpected(token, "command");
    }
  }

  #branch(kind: "if" | "with" | "range", token: Token): Branch {
    const scope = this.#variables.length;
    const pipe = this.#pipeline(kind, "right-delimiter");
    if (kind === "range") this.#rangeDepth++;
    const { nodes: body, terminator } = this.#itemList();
    if (kind === "range") this.#rangeDepth--;
    let otherwise: readonly Node[] = [];
    if (terminator === "else") otherwise = this.#elseList(kind);
    this.#variables.length = scope;
    return { kind, at: token.at, pipe, body, otherwise };
  }

  /** `{{else if}}` holds a branch of its own that shares the `{{end}}`. */
  #elseList(kind: "if" | "with" | "range"): readonly Node[] {
    const next = this.#peek();
    if (next.kind === "keyword" && (next.text === "if" || next.text === "with")) {
      if (next.text !== kind) throw this.#unexpected(next, `{{else}}`);
      this.#next();
      return [this.#branch(next.text, next)];
    }
    const { nodes, terminator } = this.#itemList();
    if (terminator === "else") throw this.#error("expected end; found {{else}}");
    return nodes;
  }

  #templateCall(): Node {
    const { name, at } = this.#templateName("template clause");
    let pipe: Pipe | undefined;
    if (this.#peekSolid().kind === "right-delimiter") this.#next();
    else pipe = this.#pipeline("template clause", "right-delimiter");
    return { kind: "template", at, name, pipe };
  }

  #block(token: Token): Node {
    const { name } = this.#templateName("block clause");
    const pipe = this.#pipeline("block clause", "right-delimiter");
    const outer = this.#variables;
    this.#variables = ["$"];
    const { nodes, terminator } = this.#itemList();
    this.#variables = outer;
    if (terminator !== "end") throw this.#error("unexpected {{else}} in block clause");
    this.#trees.set(name, nodes);
    return { kind: "template", at: token.at, name, pipe };
  }

  #templateName(context: string): { readonly name: string; readonly at: number } {
    const token = this.#nextSolid();
    if (token.kind !== "string" && token.kind !== "raw-string")
      throw this.#unexpected(token, context);
    return { name: this.#unquote(token), at: token.at };
  }

  #pipeline(context: string, end: TokenKind): Pipe {
    const first = this.#peekSolid();
    const { variables, isAssign } = this.#declarations(context);
    const commands: Command[] = [];
    for (;;) {
      const token = this.#nextSolid();
      if (token.kind === end) {
        if (commands.length === 0) throw this.#error(`missing value for ${context}`);
        this.#checkPipeline(commands);
        return { kind: "pipe", at: first.at, variables, isAssign, commands };
      }
      this.#at--;
      if (!this.#startsOperand(token)) {
        this.#at++;
        throw this.#unexpected(token, context);
      }
      commands.push(this.#command());
    }
  }

  #startsOperand(token: Token): boolean {
    switch (token.kind) {
      case "bool":
      case "char":
      case "dot":
      case "field":
      case "identifier":
      case "number":
      case "raw-string":
      case "string":
      case "variable":
      case "left-paren":
        return true;
      case "keyword":
        return token.text === "nil";
      default:
        return false;
    }
  }

  #declarations(context: string): {
    readonly variables: readonly string[];
    readonly isAssign: boolean;
  } {
    const none = { variables: [], isAssign: false };
    const names: string[] = [];
    for (;;) {
      const begin = this.#at;
      const token = this.#peekSolid();
      if (token.kind !== "variable") {
        this.#at = begin;
        return none;
      }
      this.#next();
      const after = this.#peekSolid();
      if (after.kind === "declare" || after.kind === "assign") {
        this.#next();
        names.push(token.text);
        if (after.kind === "declare") this.#variables.push(...names);
        else for (const name of names) this.#checkVariable(name);
        return { variables: names, isAssign: after.kind === "assign" };
      }
      if (after.kind === "character" && after.text === ",") {
        this.#next();
        names.push(token.text);
        if (context !== "range" || names.length > 1) {
          throw this.#error(`too many declarations in ${context}`);
        }
        if (this.#peekSolid().kind !== "variable") {
          throw this.#error("range can only initialize variables");
        }
        continue;
      }
      this.#at = begin;
      return none;
    }
  }

  #checkPipeline(commands: readonly Command[]): void {
    commands.forEach((command, index) => {
      const kind = command.operands[0]?.kind;
      if (
        index > 0 &&
        (kind === "bool" ||
          kind === "dot" ||
          kind === "nil" ||
          kind === "number" ||
          kind === "string")
      ) {
        throw this.#error(`non executable command in pipeline stage ${index + 1}`);
      }
    });
  }

  #command(): Command {
    const at = this.#peekSolid().at;
    const operands: Operand[] = [];
    for (;;) {
      this.#peekSolid();
      const operand = this.#operand();
      if (operand) operands.push(operand);
      const token = this.#next();
      if (token.kind === "space") continue;
      if (token.kind === "right-delimiter" || token.kind === "right-paren") {
        this.#at--;
        break;
      }
      if (token.kind === "pipe") {
        break;
      }
      throw this.#unexpected(token, "operand");
    }
    if (operands.length === 0) throw this.#error("empty command");
    return { at, operands };
  }

  #operand(): Operand | undefined {
    const base = this.#term();
    const first = this.#peek();
    if (!base || first.kind !== "field") return base;
    const names: string[] = [];
    while (this.#peek().kind === "field") names.push(this.#next().text.slice(1));
    switch (base.kind) {
      case "field":
        return { kind: "field", at: first.at, names: [...base.names, ...names] };
      case "variable":
        return { ...base, at: first.at, names: [...base.names, ...names] };
      case "bool":
      case "string":
      case "number":
      case "nil":
      case "dot": {
        const shown = base.kind === "dot" ? "." : base.kind === "nil" ? "nil" : String(base.value);
        throw this.#error(`unexpected . after term ${quoteGo(shown)}`);
      }
      case "function":
      case "chain":
      case "pipe":
        return { kind: "chain", at: first.at, base, names };
    }
  }

  #term(): Operand | undefined {
    const token = this.#nextSolid();
    const at = token.at;
    switch (token.kind) {
      case "identifier":
        if (!this.#isFunction(token.text)) {
          throw this.#error(`function ${quoteGo(token.text)} not defined`, token.line);
        }
        return { kind: "function", at, name: token.text };
      case "dot":
        return { kind: "dot", at };
      case "variable":
        this.#checkVariable(token.text);
        return { kind: "variable", at, name: token.text, names: [] };
      case "field":
        return { kind: "field", at, names: [token.text.slice(1)] };
      case "bool":
        return { kind: "bool", at, value: token.text === "true" };
      case "number":
        return { kind: "number", at, value: parseNumber(token.text), text: token.text };
      case "char":
        return { kind: "number", at, value: this.#unquoteCharacter(token), text: token.text };
      case "string":
      case "raw-string":
        return { kind: "string", at, value: this.#unquote(token), text: token.text };
      case "left-paren": {
        if (++this.#depth > MAX_DEPTH) throw this.#error("template is nested too deep");
        const pipe = this.#pipeline("parenthesized pipeline", "right-paren");
        this.#depth--;
        return pipe;
      }
      case "keyword":
        if (token.text === "nil") return { kind: "nil", at };
        break;
      default:
    }
    this.#at--;
    return undefined;
  }

  #checkVariable(name: string): void {
    if (!this.#variables.includes(name)) throw this.#error(`undefined variable ${quoteGo(name)}`);
  }

  #unquote(token: Token): string {
    if (token.kind === "raw-string") return token.text.slice(1, -1).replaceAll("\r", "");
    const value = unescapeGo(token.text.slice(1, -1), '"');
    if (value === undefined) throw this.#error("invalid syntax", token.line);
    return value;
  }

  #unquoteCharacter(token: Token): number {
    const value = unescapeGo(token.text.slice(1, -1), "'");
    if (value === undefined || Array.from(value).length !== 1) {
      throw this.#error(`malformed character constant: ${token.text}`, token.line);
    }
    return value.codePointAt(0) ?? 0;
  }
}

function parseNumber(text: string): number {
  const plain = text.replaceAll("_", "");
  const sign = plain.startsWith("-") ? -1 : 1;
  const digits = plain.replace(/^[-+]/, "");
  // a leading zero means octal, as in Go
  const isOctal = /^0[0-7]+$/.test(digits);
  return sign * (isOctal ? Number.parseInt(digits, 8) : Number(digits));
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["a", "\x07"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
  ["\\", "\\"],
]);

/** The inside of a Go string literal; `undefined` for an escape that Go does not know. */
function unescapeGo(text: string, quote: string): string | undefined {
  let isValid = true;
  const value = text.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([\s\S]?))/g,
    (_, hex?: string, short?: string, long?: string, octal?: string, simple?: string) => {
      const digits = hex ?? short ?? long;
      const code =
        digits === undefined ? Number.parseInt(octal ?? "", 8) : Number.parseInt(digits, 16);
      if (!Number.isNaN(code) && code <= 0x10ffff) return String.fromCodePoint(code);
      const known = simple === quote ? quote : ESCAPES.get(simple ?? "");
      if (known === undefined) isValid = false;
      return known ?? "";
    },
  );
  return isValid ? value : undefined;
}
