import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { composeError, type Positions } from "./positions.ts";
import {
  isList,
  isMapping,
  type Mapping,
  type Position,
  type Scalar,
  type Tree,
  type TreePath,
} from "./tree.ts";

/** One document of a file. */
export interface ParsedDocument {
  readonly tree: Tree;
  /** What `!reset` and `!override` take away from the files before this one. */
  readonly resets: readonly TreePath[];
}

/** Aliases can make a small file a large tree: as many nodes as they may bring. */
const MAX_NODES = 100_000;
/** As many as have ever been of use, many times over; what walks the tree goes down with it. */
const MAX_DEPTH = 200;

const TOO_DEEP = `nested more than ${MAX_DEPTH} deep`;

const INTEGER = /^[-+]?(?:0|[1-9][0-9_]*)$/;
const OLD_OCTAL = /^([-+]?)0([0-7_]+)$/;
const PREFIXED = /^([-+]?)0([xob])([0-9a-fA-F_]+)$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const RADIX: Readonly<Record<string, number>> = { x: 16, o: 8, b: 2 };

/** A plain scalar as go-yaml reads it: 0440 is octal, `yes` is a string. */
export function resolvePlain(text: string): Scalar {
  if (text === "" || text === "~" || /^(?:null|Null|NULL)$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (INTEGER.test(text)) return Number(text.replaceAll("_", ""));
  const octal = OLD_OCTAL.exec(text);
  if (octal?.[2] !== undefined) return signed(octal[1], octal[2], 8);
  const prefixed = PREFIXED.exec(text);
  if (prefixed?.[2] !== undefined && prefixed[3] !== undefined) {
    const value = signed(prefixed[1], prefixed[3], RADIX[prefixed[2]] ?? 10);
    if (!Number.isNaN(value)) return value;
  }
  if (FLOAT.test(text)) return Number(text);
  return text;
}

function signed(sign: string | undefined, digits: string, radix: number): number {
  const value = Number.parseInt(digits.replaceAll("_", ""), radix);
  return sign === "-" ? -value : value;
}

/**
 * @param file As the user named it, for messages.
 * @throws {InvalidArgumentError} It is not YAML, names a key twice or that is no string, its aliases
 *   make more than 100,000 nodes, or it is nested more than 200 deep.
 */
export function parseYaml(
  text: string,
  file: string,
  positions: Positions,
): readonly ParsedDocument[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    schema: "failsafe",
    lineCounter: lines,
    logLevel: "silent",
    keepSourceTokens: false,
    prettyErrors: false,
    // looks at every pair of keys; the reader below looks for those that come twice
    uniqueKeys: false,
  });
  if (!Array.isArray(documents)) return [];
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  return documents.flatMap((document) => {
    const [error] = document.errors;
    if (error) {
      const what = error.message.replace(/ at line \d+, column \d+:[^]*$/, "");
      const isTooDeep = what.startsWith("Maximum call stack");
      const why = isTooDeep ? TOO_DEEP : `not valid YAML: ${what}`;
      throw composeError({ position: positionAt(error.pos[0]), what: why });
    }
    if (document.contents === null) return [];
    const reader = new TreeReader(positions, positionAt);
    const tree = reader.read(document.contents, []);
    return tree === undefined || tree === null ? [] : [{ tree, resets: reader.resets }];
  });
}

class TreeReader {
  readonly #positions: Positions;
  readonly #positionAt: (offset: number) => Position;
  /** What was last called so, as the document is read from the top. */
  readonly #anchors = new Map<string, unknown>();
  /** Aliases that are being followed. */
  readonly #following = new Set<string>();
  readonly resets: TreePath[] = [];
  #nodes = 0;

  constructor(positions: Positions, positionAt: (offset: number) => Position) {
    this.#positions = positions;
    this.#positionAt = positionAt;
  }

  /** @returns Undefined for what `!reset` takes away. */
  read(node: unknown, path: TreePath): Tree | undefined {
    if (path.length > MAX_DEPTH) {
      throw composeError({ position: this.#positionOf(node), what: TOO_DEEP });
    }
    if (this.#following.size > 0 && ++this.#nodes > MAX_NODES) {
      throw composeError({ path, what: `more than ${MAX_NODES} values: its aliases multiply` });
    }
    if (isAlias(node)) return this.#readAlias(node, path);
    if (!isMap(node) && !isSeq(node) && !isScalar(node)) return null;
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (node.tag === "!reset") {
      this.resets.push(path);
      return undefined;
    }
    if (node.tag === "!override") this.resets.push(path);
    if (isMap(node)) return this.#readMapping(node, path);
    if (isSeq(node)) return this.#readList(node, path);
    const text = typeof node.value === "string" ? node.value : "";
    const isPlain = node.type === "PLAIN" && node.tag !== "!!str";
    return isPlain ? resolvePlain(node.source ?? text) : text;
  }

  #readAlias(node: Alias, path: TreePath): Tree | undefined {
    const { source } = node;
    const position = this.#positionOf(node);
    if (!this.#anchors.has(source)) {
      throw composeError({
        position,
        path,
        what: `*${source}: nothing above is called &${source}`,
      });
    }
    if (this.#following.has(source)) {
      throw composeError({ position, path, what: `*${source} stands in what it stands for` });
    }
    this.#following.add(source);
    try {
      return this.read(this.#anchors.get(source), path);
    } finally {
      this.#following.delete(source);
    }
  }

  #readMapping(node: YAMLMap, path: TreePath): Mapping {
    const mapping = new Map<string, Tree>();
    const merged: Mapping[] = [];
    const seen = new Set<string>();
    for (const { key, value } of node.items) {
      const position = this.#positionOf(key) ?? this.#positionOf(node);
      const name = this.#readKey(key, path, position);
      if (seen.has(name)) {
        throw composeError({ position, path: [...path, name], what: "this key is there twice" });
      }
      seen.add(name);
      if (name === "<<") {
        merged.push(...this.#readMerge(value, path, position));
        continue;
      }
      const inner = this.read(value, [...path, name]);
      if (inner === undefined) continue;
      mapping.set(name, inner);
      if (position) this.#positions.set(mapping, name, position);
    }
    for (const source of merged) {
      for (const [name, value] of source) {
        if (mapping.has(name)) continue;
        mapping.set(name, value);
        const position = this.#positions.of(source, name);
        if (position) this.#positions.set(mapping, name, position);
      }
    }
    return mapping;
  }

  #readList(node: YAMLSeq, path: TreePath): readonly Tree[] {
    const list: Tree[] = [];
    for (const item of node.items) {
      const inner = this.read(item, [...path, list.length]);
      if (inner === undefined) continue;
      const position = this.#positionOf(item);
      if (position) this.#positions.set(list, list.length, position);
      list.push(inner);
    }
    return list;
  }

  #readKey(key: unknown, path: TreePath, position: Position | undefined): string {
    const value = this.read(key, path);
    if (typeof value === "string") return value;
    const shown = value === null || typeof value !== "object" ? String(value) : "a list or mapping";
    throw composeError({ position, path, what: `non-string key: ${shown}; put it in quotes` });
  }

  /** `<<`: what it names does not take the place of keys that are there. */
  #readMerge(value: unknown, path: TreePath, position: Position | undefined): readonly Mapping[] {
    const source = this.read(value, path);
    const sources = isList(source) ? source : [source];
    return sources.map((each) => {
      if (isMapping(each)) return each;
      throw composeError({ position, path, what: "<< wants a mapping or a list of mappings" });
    });
  }

  #positionOf(node: unknown): Position | undefined {
    const isNode = isMap(node) || isSeq(node) || isScalar(node) || isAlias(node);
    return isNode && node.range ? this.#positionAt(node.range[0]) : undefined;
  }
}
