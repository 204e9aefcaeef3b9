import type { SourceRange } from "./source.ts";
import type { Expression } from "./syntax.ts";
import type { Value } from "./value.ts";

/** One call, with the place of each argument. */
export interface FunctionCall {
  readonly name: string;
  readonly values: readonly Value[];
  readonly ranges: readonly SourceRange[];
  readonly range: SourceRange;
}

export interface HclFunction {
  call(call: FunctionCall): Value;
  /** Gets its arguments before they are evaluated: `try`, `can`, `convert`. */
  readonly lazy?: (args: readonly Expression[], scope: Scope, range: SourceRange) => Value;
}

/** What names mean where an expression stands. */
export interface Scope {
  /** @returns Undefined where there is no such name. @throws {DefinitionError} Its own value cannot be made. */
  variable(name: string, range: SourceRange): Value | undefined;
  /** `target.app.tags`: what is behind a name that stands for blocks. Undefined where `name` is no such name. */
  reference?(name: string, path: readonly string[], range: SourceRange): Referred | undefined;
  readonly variableNames: () => readonly string[];
  function(name: string, range: SourceRange): HclFunction | undefined;
  readonly functionNames: () => readonly string[];
}

/** A value that stands for the first `length` words of a path. */
export interface Referred {
  readonly value: Value;
  readonly length: number;
}
