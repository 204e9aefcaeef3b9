import type { Cli } from "#cli/cli.ts";
import type { Completion, FlagTable, FlagValues } from "./flags.ts";

/** How many positional arguments a command takes. */
export interface ArgumentCount {
  readonly min: number;
  /** Undefined: no upper limit. */
  readonly max: number | undefined;
}

export const noArguments: ArgumentCount = { min: 0, max: 0 };

export function exactly(count: number): ArgumentCount {
  return { min: count, max: count };
}

export function atLeast(count: number): ArgumentCount {
  return { min: count, max: undefined };
}

export function between(min: number, max: number): ArgumentCount {
  return { min, max };
}

/** What the user typed, parsed. */
export interface Invocation<Values> {
  readonly flags: Values;
  /** Positional arguments, in order. */
  readonly args: readonly string[];
  /** The command's spelling as typed, with the program's name: `wharf ps`, `wharf container ls`. */
  readonly commandLine: string;
  /** Flags of the command's group, where that has any. */
  readonly groupFlags: GroupFlags;
  /** True when the flag stood on the command line, whatever its value. */
  isSet(name: string): boolean;
}

/** What stood between the group's name and the command's. */
export interface GroupFlags {
  /** By flag, each of the type that the group's table gives it. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly given: ReadonlySet<string>;
}

export interface CommandShape {
  /** What follows the command's name in the usage line: `[OPTIONS] CONTAINER [CONTAINER...]`. */
  readonly usage: string;
  /** Further forms of the usage, from the command's shortest spelling on. */
  readonly usageAlternatives?: readonly string[];
  /** Text below the summary in `--help`, where the summary does not say it all. */
  readonly description?: string;
  readonly args: ArgumentCount;
  /** False: the first positional argument ends the flags, as in `run IMAGE COMMAND`. Default true. */
  readonly interspersed?: boolean;
  /** What shell completion offers for positional arguments; a list has one entry a position, and
   * its last entry serves all further ones. */
  readonly completeArgs?: readonly Completion[];
}

export interface CommandDefinition<Flags extends FlagTable> extends CommandShape {
  readonly flags: Flags;
  /** @returns The exit code. Failures are thrown. */
  run(cli: Cli, invocation: Invocation<FlagValues<Flags>>): Promise<number>;
}

/** A command whose flag types are forgotten, as the table and the parser see it. */
export interface Command extends CommandShape {
  readonly flags: FlagTable;
  run(cli: Cli, invocation: Invocation<Readonly<Record<string, unknown>>>): Promise<number>;
}

/** Ties the types of the flags to what `run` receives. */
export function defineCommand<Flags extends FlagTable>(
  definition: CommandDefinition<Flags>,
): Command {
  // The parser fills the values from this very table, so they have the table's types.
  return definition as unknown as Command;
}
