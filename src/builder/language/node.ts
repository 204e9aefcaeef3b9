import type { SourceRange } from "./dockerfile-error.ts";
import type { Heredoc } from "./heredoc.ts";
import type { Keyword } from "./keywords.ts";

/** One instruction, its words read and their meaning not. */
export interface InstructionNode {
  readonly keyword: Keyword;
  /** As written: `Run`. */
  readonly writtenKeyword: string;
  /** As written, quotes taken away: `--mount=type=cache,target=/x`. */
  readonly flags: readonly string[];
  readonly args: readonly NodeArgument[];
  /** The arguments are a JSON array. */
  readonly isJson: boolean;
  /** ENV or LABEL as `name value`. */
  readonly isLegacyPair: boolean;
  readonly heredocs: readonly Heredoc[];
  /** The instruction with its flags on one line, comments and line ends taken out. */
  readonly original: string;
  readonly range: SourceRange;
  /** Comments directly above, without `#`. */
  readonly comments: readonly string[];
  /** Blank lines within a continued instruction. */
  readonly hasEmptyContinuation: boolean;
  /** Of ONBUILD. */
  readonly child?: InstructionNode;
}

/** One argument; with a value for `name=value`. */
export interface NodeArgument {
  readonly text: string;
  readonly value?: string;
}
