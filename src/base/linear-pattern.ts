/**
 * Regular expressions in time proportional to pattern times text, for patterns that come from outside. The
 * engine of JavaScript tries one way after another: `[a][a]?` 26 times in a row keeps it for seconds on a
 * name of 60 letters, and no look at the pattern tells all of its kind. Here, as in the RE2 that Docker uses,
 * all ways are followed at once (Thompson's construction): a text is read once, and for each letter
 * the set of places in the pattern that it may have got to is made from the set before.
 *
 * Understood is what both have: letters, `.`, sets, groups, `|`, `* + ? {2,3}` (with `?` for lazy, which
 * changes nothing in a yes or no), `^ $ \A \z \b \B`, `\d \w \s` and their opposites, `\x41`, `\t` and the like.
 */

const MAX_PATTERN_LENGTH = 1024;
/** RE2's limit for `{n}`. */
const MAX_REPEAT = 1000;
/** Steps that a pattern may have once its repeats are written out. */
const MAX_STEPS = 5000;
const MAX_DEPTH = 100;

type Test = (code: number) => boolean;
type Assertion = "start" | "end" | "boundary" | "no-boundary";

type Node =
  | { readonly kind: "letter"; readonly test: Test }
  | { readonly kind: "assertion"; readonly assertion: Assertion }
  | { readonly kind: "sequence"; readonly items: readonly Node[] }
  | { readonly kind: "choice"; readonly items: readonly Node[] }
  | {
      readonly kind: "repeat";
      readonly item: Node;
      readonly min: number;
      /** Absent: without end. */
      readonly max?: number;
    };

/** Where a step goes on: the next one, unless it says else. */
type Step =
  | { readonly kind: "letter"; readonly test: Test }
  | { readonly kind: "assertion"; readonly assertion: Assertion }
  | { readonly kind: "split"; to: number }
  | { readonly kind: "jump"; to: number }
  | { readonly kind: "match" };

/** Leaves the parser, and never this file. */
class NotUnderstood extends Error {}

/**
 * @returns Whether the pattern is found somewhere in a text; undefined for a pattern that is broken, too large
 *   or not understood.
 */
export function tryCompilePattern(pattern: string): ((text: string) => boolean) | undefined {
  if (pattern.length > MAX_PATTERN_LENGTH) return undefined;
  try {
    const steps: Step[] = [];
    emit(new PatternParser(pattern).parse(), steps);
    steps.push({ kind: "match" });
    return (text) => isFound(steps, text);
  } catch (error) {
    if (error instanceof NotUnderstood) return undefined;
    throw error;
  }
}

function isFound(steps: readonly Step[], text: string): boolean {
  const codes = Array.from(text, (letter) => letter.codePointAt(0) ?? 0);
  let current = new Set<number>();
  for (let at = 0; at <= codes.length; at++) {
    if (reach(steps, 0, current, codes, at)) return true; // the pattern may begin anywhere
    const next = new Set<number>();
    const code = codes[at];
    for (const place of current) {
      const step = steps[place];
      if (code === undefined || step?.kind !== "letter" || !step.test(code)) continue;
      if (reach(steps, place + 1, next, codes, at + 1)) return true;
    }
    current = next;
  }
  return false;
}

/** Adds what `from` leads to without reading. @returns Whether that is the end of the pattern. */
function reach(
  steps: readonly Step[],
  from: number,
  places: Set<number>,
  codes: readonly number[],
  at: number,
): boolean {
  const todo = [from];
  for (let place = todo.pop(); place !== undefined; place = todo.pop()) {
    const step = steps[place];
    if (!step || places.has(place)) continue;
    places.add(place);
    if (step.kind === "match") return true;
    if (step.kind === "assertion" && holds(step.assertion, codes, at)) todo.push(place + 1);
    if (step.kind === "split") todo.push(place + 1, step.to);
    if (step.kind === "jump") todo.push(step.to);
  }
  return false;
}

function holds(assertion: Assertion, codes: readonly number[], at: number): boolean {
  const isBoundary = isWord(codes[at - 1]) !== isWord(codes[at]);
  switch (assertion) {
    case "start":
      return at === 0;
    case "end":
      return at === codes.length;
    case "boundary":
      return isBoundary;
    case "no-boundary":
      return !isBoundary;
  }
}

function emit(node: Node, steps: Step[]): void {
  if (steps.length > MAX_STEPS) throw new NotUnderstood();
  switch (node.kind) {
    case "letter":
    case "assertion":
      steps.push(node);
      return;
    case "sequence":
      for (const item of node.items) emit(item, steps);
      return;
    case "choice":
      emitChoice(node.items, steps);
      return;
    case "repeat":
      emitRepeat(node, steps);
      return;
  }
}

function emitChoice(items: readonly Node[], steps: Step[]): void {
  const ends: { to: number }[] = [];
  for (const [position, item] of items.entries()) {
    const isLast = position === items.length - 1;
    const split = { kind: "split" as const, to: 0 };
    if (!isLast) steps.push(split);
    emit(item, steps);
    if (isLast) break;
    const end = { kind: "jump" as const, to: 0 };
    steps.push(end);
    ends.push(end);
    split.to = steps.length;
  }
  for (const end of ends) end.to = steps.length;
}

function emitRepeat(node: Extract<Node, { kind: "repeat" }>, steps: Step[]): void {
  const { item, min, max } = node;
  for (let count = 0; count < min; count++) emit(item, steps);
  if (max === undefined) {
    const split = { kind: "split" as const, to: 0 };
    const start = steps.push(split) - 1;
    emit(item, steps);
    steps.push({ kind: "jump", to: start });
    split.to = steps.length;
    return;
  }
  const splits: { to: number }[] = [];
  for (let count = min; count < max; count++) {
    const split = { kind: "split" as const, to: 0 };
    steps.push(split);
    splits.push(split);
    emit(item, steps);
  }
  for (const split of splits) split.to = steps.length;
}

const between =
  (first: number, last: number): Test =>
  (code) =>
    code >= first && code <= last;
const not =
  (test: Test): Test =>
  (code) =>
    !test(code);
const codeOf = (letter: string): number => letter.codePointAt(0) ?? 0;
const isDigit: Test = between(codeOf("0"), codeOf("9"));
const isSpace: Test = (code) => " \t\n\r\f".includes(String.fromCodePoint(code));

function isWord(code: number | undefined): boolean {
  return code !== undefined && /^\w$/.test(String.fromCodePoint(code));
}

const CLASSES: ReadonlyMap<string, Test> = new Map<string, Test>([
  ["d", isDigit],
  ["D", not(isDigit)],
  ["w", isWord],
  ["W", not(isWord)],
  ["s", isSpace],
  ["S", not(isSpace)],
]);
const ASSERTIONS: ReadonlyMap<string, Assertion> = new Map([
  ["A", "start"],
  ["z", "end"],
  ["b", "boundary"],
  ["B", "no-boundary"],
]);
const CONTROLS: ReadonlyMap<string, string> = new Map([
  ["a", "\x07"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
]);

class PatternParser {
  readonly #letters: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#letters = Array.from(pattern);
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#at < this.#letters.length) throw new NotUnderstood(); // a ")" too many
    return node;
  }

  #choice(): Node {
    if (++this.#depth > MAX_DEPTH) throw new NotUnderstood();
    const items = [this.#sequence()];
    while (this.#take("|")) items.push(this.#sequence());
    this.#depth--;
    return { kind: "choice", items };
  }

  #sequence(): Node {
    const items: Node[] = [];
    for (let next = this.#peek(); next !== undefined && !"|)".includes(next); next = this.#peek()) {
      items.push(this.#repeated(this.#one()));
    }
    return { kind: "sequence", items };
  }

  #one(): Node {
    const letter = this.#next();
    switch (letter) {
      case "(":
        return this.#group();
      case "[":
        return { kind: "letter", test: this.#set() };
      case ".":
        return { kind: "letter", test: (code) => code !== 10 };
      case "^":
        return { kind: "assertion", assertion: "start" };
      case "$":
        return { kind: "assertion", assertion: "end" };
      case "*":
      case "+":
      case "?":
        throw new NotUnderstood();
      case "\\":
        return this.#escape();
      default:
        return { kind: "letter", test: equals(codeOf(letter)) };
    }
  }

  #group(): Node {
    if (this.#take("?") && !this.#take(":")) throw new NotUnderstood();
    const node = this.#choice();
    if (!this.#take(")")) throw new NotUnderstood();
    return node;
  }

  #repeated(item: Node): Node {
    const range = this.#range();
    if (!range) return item;
    this.#take("?");
    if (/^[*+?]$/.test(this.#peek() ?? "")) throw new NotUnderstood(); // RE2: invalid nested repetition
    return { kind: "repeat", item, ...range };
  }

  #range(): { readonly min: number; readonly max?: number } | undefined {
    if (this.#take("*")) return { min: 0 };
    if (this.#take("+")) return { min: 1 };
    if (this.#take("?")) return { min: 0, max: 1 };
    if (this.#peek() !== "{") return undefined;
    const text = this.#letters.slice(this.#at, this.#at + 12).join("");
    const found = /^\{(\d{1,4})(,(\d{1,4})?)?\}/.exec(text);
    if (!found) return undefined; // a brace like any letter
    this.#at += found[0].length;
    const min = Number(found[1]);
    const max = found[3] === undefined ? undefined : Number(found[3]);
    if (min > MAX_REPEAT || (max ?? min) > MAX_REPEAT || (max ?? min) < min) {
      throw new NotUnderstood();
    }
    if (found[2] === undefined) return { min, max: min };
    return max === undefined ? { min } : { min, max };
  }

  #escape(): Node {
    const assertion = ASSERTIONS.get(this.#peek() ?? "");
    if (assertion === undefined) return { kind: "letter", test: this.#escapedTest() };
    this.#at++;
    return { kind: "assertion", assertion };
  }

  #escapedTest(): Test {
    const known = CLASSES.get(this.#peek() ?? "");
    if (known === undefined) return equals(this.#escapedCode());
    this.#at++;
    return known;
  }

  #escapedCode(): number {
    const letter = this.#next();
    if (letter === "x") {
      const text = this.#letters.slice(this.#at, this.#at + 10).join("");
      const found = /^(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/.exec(text);
      if (!found) throw new NotUnderstood();
      this.#at += found[0].length;
      return Number.parseInt(found[1] ?? found[2] ?? "", 16);
    }
    const control = CONTROLS.get(letter);
    if (control !== undefined) return codeOf(control);
    if (/^[\p{L}\p{N}]$/u.test(letter)) throw new NotUnderstood();
    return codeOf(letter);
  }

  #set(): Test {
    const isNegated = this.#take("^");
    const tests: Test[] = [];
    // a "]" that comes first is one of the letters
    while (tests.length === 0 || this.#peek() !== "]") {
      if (this.#peek() === "[" && this.#letters[this.#at + 1] === ":") throw new NotUnderstood();
      tests.push(this.#member());
    }
    this.#at++;
    const isMember: Test = (code) => tests.some((test) => test(code));
    return isNegated ? not(isMember) : isMember;
  }

  #member(): Test {
    const first = this.#memberCode();
    if (typeof first !== "number") return first;
    const isRange = this.#peek() === "-" && this.#letters[this.#at + 1] !== "]";
    if (!isRange) return equals(first);
    this.#at++;
    const last = this.#memberCode();
    if (typeof last !== "number" || last < first) throw new NotUnderstood();
    return between(first, last);
  }

  #memberCode(): number | Test {
    const letter = this.#next();
    if (letter !== "\\") return codeOf(letter);
    return CLASSES.has(this.#peek() ?? "") ? this.#escapedTest() : this.#escapedCode();
  }

  #peek(): string | undefined {
    return this.#letters[this.#at];
  }

  #next(): string {
    const letter = this.#letters[this.#at];
    if (letter === undefined) throw new NotUnderstood();
    this.#at++;
    return letter;
  }

  #take(letter: string): boolean {
    if (this.#peek() !== letter) return false;
    this.#at++;
    return true;
  }
}

function equals(wanted: number): Test {
  return (code) => code === wanted;
}
