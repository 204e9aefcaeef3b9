import type { Command } from "#builder/language/instruction.ts";
import type { HistoryItem, StageState } from "./stage-state.ts";
import type { FileOrigin, Step } from "./step.ts";

/** Of every step that BuildKit's frontend makes. */
export const HISTORY_COMMENT = "buildkit.dockerfile.v0";

/** What an instruction depends on beside the stage that it is in. */
export interface EvaluationContext {
  readonly escape: "\\" | "`";
  readonly buildArgs: ReadonlyMap<string, string>;
  /** @see globalArguments */
  readonly globalArgs: ReadonlyMap<string, string>;
  /** What `--from` and `from=` mean here. @throws {DockerfileError} */
  readonly resolveOrigin: (name: string) => FileOrigin;
  /** Told of variables that words of the instruction use and that there are not. */
  readonly onUnset?: (name: string) => void;
}

/** An instruction's outcome. The history of one with a step is in `state` already. */
export interface Evaluated {
  readonly state: StageState;
  readonly step?: Step;
}

/** With a line of history; one without files where `hasLayer` is left out. */
export function noted(state: StageState, createdBy: string, hasLayer = false): StageState {
  const item: HistoryItem = {
    createdBy,
    author: "",
    comment: HISTORY_COMMENT,
    emptyLayer: !hasLayer,
  };
  return { ...state, history: [...state.history, item] };
}

/** Words of a command, with the shell in front where it is one for the shell. */
export function commandWords(command: Command, shell: readonly string[]): readonly string[] {
  return command.isShell ? [...shell, command.words.join(" ")] : command.words;
}
