import { DockerfileError } from "#builder/language/dockerfile-error.ts";
import { tryParseHeredocStart } from "#builder/language/heredoc.ts";
import type { RunInstruction } from "#builder/language/instruction.ts";
import { MountSyntaxError, parseRunMount } from "#builder/language/run-mounts.ts";
import { commandWords, type Evaluated, type EvaluationContext, noted } from "./evaluation.ts";
import type { WordExpander } from "./expand-instruction.ts";
import { PROXY_ARGUMENTS } from "./global-arguments.ts";
import { shellOf, type StageState } from "./stage-state.ts";
import { SCRIPT_FOLDER, type Step } from "./step.ts";

const SUMMARY_CHARACTERS = 15;

/** What a RUN does. @throws {DockerfileError} */
export function planRun(
  instruction: RunInstruction,
  state: StageState,
  context: EvaluationContext,
  expander: WordExpander,
): Evaluated {
  const { range, network, security } = instruction;
  if (instruction.devices.length > 0) {
    throw new DockerfileError("RUN --device is not supported: steps get no devices", range);
  }
  const { command, script, summary } = withHeredocs(instruction);
  const args = commandWords(command, shellOf(state.config));
  const mounts = instruction.mounts.map((text) => {
    try {
      return parseRunMount(text, (word) => expander.word(word));
    } catch (error) {
      if (!(error instanceof MountSyntaxError)) throw error;
      throw new DockerfileError(error.message, range, { cause: error });
    }
  });
  const own = new Set(state.args.map(({ name }) => name));
  const proxies = [...context.buildArgs].filter(
    ([name]) => PROXY_ARGUMENTS.has(name) && !own.has(name),
  );
  const step: Step = {
    kind: "run",
    title: `RUN ${instruction.original.replace(/^\S+\s*/, "")}${summary}`,
    range,
    args,
    env: [...state.variables, ...proxies].map(([name, value]) => `${name}=${value}`),
    cwd: state.config.workingDir || "/",
    user: state.config.user,
    mounts,
    network,
    isPrivileged: security === "insecure",
    ...(script ? { script } : {}),
  };
  return { state: noted(state, `RUN ${historyText(args, state)} # buildkit`, true), step };
}

/** The arguments' values as the history has them: `|1 NAME=value` in front. */
function historyText(args: readonly string[], state: StageState): string {
  const values = state.args.map(
    ({ name, value }) => `${name}=${state.variables.get(name) ?? value ?? ""}`,
  );
  const shown = values.length > 0 ? [`|${values.length}`, ...values] : [];
  return [...shown, ...args].join(" ");
}

function withHeredocs({ command, files }: RunInstruction): {
  readonly command: RunInstruction["command"];
  readonly script?: { readonly name: string; readonly content: string };
  readonly summary: string;
} {
  const [first, ...others] = files;
  const text = command.words[0] ?? "";
  if (!first || !command.isShell) return { command, summary: "" };
  const isAlone = others.length === 0 && tryParseHeredocStart(text.trim()) !== undefined;
  if (!isAlone) {
    // the shell reads them itself
    const bodies = files.map(({ name, content }) => `\n${content}${name}`).join("");
    return { command: { ...command, words: [text + bodies] }, summary: "" };
  }
  const summary = ` (${summarise(first.content)})`;
  if (!first.content.startsWith("#!")) {
    return { command: { ...command, words: [first.content] }, summary };
  }
  const path = `${SCRIPT_FOLDER}/${first.name}`;
  return { command: { ...command, words: [path] }, script: first, summary };
}

/** First line, cut short. */
function summarise(content: string): string {
  const [line = ""] = content.trimStart().split("\n");
  const isWhole = content.trim() === line.trim() && line.length <= SUMMARY_CHARACTERS;
  return isWhole ? line.trim() : `${line.slice(0, SUMMARY_CHARACTERS).trimEnd()}...`;
}
