import { nearestWord } from "#base/nearest.ts";
import { DockerfileError, type SourceRange } from "./dockerfile-error.ts";
import type { InstructionNode } from "./node.ts";

export type FlagKind = "boolean" | "text" | "texts";

/**
 * The flags of one instruction, checked against those that it knows.
 *
 * Each is read once: `text("chown")`.
 */
export class InstructionFlags {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  boolean(name: string): boolean | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : value === "true";
  }
}

/**
 * Reads the flags of an instruction.
 *
 * @throws {DockerfileError} An unknown one, with the nearest known; one that is there twice, lacks its value,
 *   or has one that is no boolean. In BuildKit's words.
 */
export function readFlags(
  node: InstructionNode,
  known: Readonly<Record<string, FlagKind>>,
): InstructionFlags {
  const values = new Map<string, readonly string[]>();
  for (const flag of node.flags) {
    const range = rangeOfFlag(node, flag);
    const body = flag.slice(2);
    const equals = body.indexOf("=");
    const name = equals < 0 ? body : body.slice(0, equals);
    const value = equals < 0 ? undefined : body.slice(equals + 1);
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) throw unknownFlag(name, known, range);
    const before = values.get(name) ?? [];
    if (before.length > 0 && kind !== "texts") {
      throw new DockerfileError(`duplicate flag specified: ${name}`, range);
    }
    values.set(name, [...before, valueOf(name, value, kind, range)]);
  }
  return new InstructionFlags(values);
}

function valueOf(
  name: string,
  value: string | undefined,
  kind: FlagKind,
  range: SourceRange,
): string {
  if (kind !== "boolean") {
    if (value === undefined) throw new DockerfileError(`missing a value on flag: ${name}`, range);
    return value;
  }
  const text = (value ?? "true").toLowerCase();
  if (text === "true" || text === "false") return text;
  throw new DockerfileError(`expecting boolean value for flag ${name}, not: ${value}`, range);
}

function unknownFlag(
  name: string,
  known: Readonly<Record<string, FlagKind>>,
  range: SourceRange,
): DockerfileError {
  const near = nearestWord(name, Object.keys(known));
  const hint = near === undefined ? "" : ` (did you mean ${near}?)`;
  return new DockerfileError(`unknown flag: --${name}${hint}`, range);
}

/** Where a flag stands: in the first line, as far as it can be found there. */
function rangeOfFlag({ original, range }: InstructionNode, flag: string): SourceRange {
  const at = original.indexOf(flag);
  return at < 0 ? range : { ...range, column: range.column + at };
}
