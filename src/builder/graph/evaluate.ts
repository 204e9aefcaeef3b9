import { cleanPath } from "#base/posix-path.ts";
import { DockerfileError } from "#builder/language/dockerfile-error.ts";
import type {
  ArgInstruction,
  CommandInstruction,
  EnvInstruction,
  ListInstruction,
  StageInstruction,
  TextInstruction,
} from "#builder/language/instruction.ts";
import { parseSignal } from "#spec/engine-api/signals.ts";
import { tryParsePortRange } from "#spec/engine-api/port-spec.ts";
import { planCopy } from "./evaluate-copy.ts";
import { planRun } from "./evaluate-run.ts";
import { WordExpander } from "./expand-instruction.ts";
import { plainList, quoteHealthcheck, quoteList } from "./go-format.ts";
import { commandWords, type Evaluated, type EvaluationContext, noted } from "./evaluation.ts";
import { shellOf, type StageState, withVariables } from "./stage-state.ts";

/**
 * What one instruction makes of its stage, and what is to be done for it: decides, and does nothing.
 *
 * @throws {DockerfileError} A value that cannot be.
 */
export function evaluateInstruction(
  instruction: StageInstruction,
  state: StageState,
  context: EvaluationContext,
): Evaluated {
  const expander = new WordExpander({
    variables: state.variables,
    escape: context.escape,
    range: instruction.range,
    ...(context.onUnset ? { onUnset: context.onUnset } : {}),
  });
  switch (instruction.kind) {
    case "run":
      return planRun(instruction, state, context, expander);
    case "copy":
    case "add":
      return planCopy(instruction, state, context, expander);
    case "env":
    case "label":
      return { state: applyPairs(instruction, state, expander) };
    case "arg":
      return { state: applyArg(instruction, state, context, expander) };
    case "cmd":
    case "entrypoint":
      return { state: applyCommand(instruction, state) };
    case "workdir":
      return applyWorkdir(instruction, state, expander);
    case "user":
    case "stopsignal":
    case "maintainer":
      return { state: applyText(instruction, state, expander) };
    case "expose":
    case "volume":
      return { state: applyList(instruction, state, expander) };
    case "shell": {
      const changed = { ...state, config: { ...state.config, shell: instruction.words } };
      return { state: noted(changed, `SHELL ${plainList(instruction.words)}`) };
    }
    case "healthcheck": {
      const { healthcheck } = instruction;
      const changed = { ...state, config: { ...state.config, healthcheck } };
      return { state: noted(changed, `HEALTHCHECK ${quoteHealthcheck(healthcheck)}`) };
    }
    case "onbuild": {
      const onBuild = [...state.config.onBuild, instruction.trigger];
      const changed = { ...state, config: { ...state.config, onBuild } };
      return { state: noted(changed, `ONBUILD ${instruction.trigger}`) };
    }
  }
}

function applyPairs(
  instruction: EnvInstruction,
  state: StageState,
  expander: WordExpander,
): StageState {
  // all of one line see the variables before the line
  const pairs = instruction.pairs.map(({ name, value }) => ({
    name: expander.word(name),
    value: expander.word(value),
  }));
  const text = pairs.map(({ name, value }) => `${name}=${value}`).join(" ");
  if (instruction.kind === "label") {
    const own = Object.fromEntries(pairs.map(({ name, value }) => [name, value]));
    const labels = { ...state.config.labels, ...own };
    return noted({ ...state, config: { ...state.config, labels } }, `LABEL ${text}`);
  }
  const variables = new Map(state.variables);
  for (const { name, value } of pairs) variables.set(name, value);
  const env = withVariables(state.config.env, pairs);
  return noted({ ...state, variables, config: { ...state.config, env } }, `ENV ${text}`);
}

function applyArg(
  instruction: ArgInstruction,
  state: StageState,
  context: EvaluationContext,
  expander: WordExpander,
): StageState {
  const variables = new Map(state.variables);
  const added = instruction.args.map(({ name, value: fallback }) => {
    const given = context.buildArgs.get(name);
    const value =
      given ?? (fallback === undefined ? context.globalArgs.get(name) : expander.word(fallback));
    if (value !== undefined) variables.set(name, value);
    return { name, value };
  });
  const text = added
    .map(({ name, value }) => (value === undefined ? name : `${name}=${value}`))
    .join(" ");
  const names = new Set(added.map(({ name }) => name));
  const args = [...state.args.filter(({ name }) => !names.has(name)), ...added];
  return noted({ ...state, variables, args }, `ARG ${text}`);
}

function applyCommand({ kind, command }: CommandInstruction, state: StageState): StageState {
  const words = commandWords(command, shellOf(state.config));
  const config = { ...state.config, argsEscaped: true };
  if (kind === "cmd") {
    const changed = { ...state, config: { ...config, cmd: words }, hasOwnCommand: true };
    return noted(changed, `CMD ${quoteList(words)}`);
  }
  const { cmd: _, ...withoutCommand } = config;
  const kept = state.hasOwnCommand ? config : withoutCommand;
  return noted(
    { ...state, config: { ...kept, entrypoint: words } },
    `ENTRYPOINT ${quoteList(words)}`,
  );
}

function applyWorkdir(
  { text, range, original }: TextInstruction,
  state: StageState,
  expander: WordExpander,
): Evaluated {
  const given = expander.word(text);
  const path = given.startsWith("/")
    ? cleanPath(given)
    : cleanPath(`/${state.config.workingDir}/${given}`);
  const changed = { ...state, config: { ...state.config, workingDir: path } };
  if (path === "/") return { state: noted(changed, `WORKDIR ${path}`) };
  return {
    state: noted(changed, `WORKDIR ${path}`, true),
    step: {
      kind: "files",
      title: `WORKDIR ${expander.word(original.replace(/^\S+\s*/, ""))}`,
      range,
      isLink: false,
      actions: [{ kind: "folder", path, owner: state.config.user }],
    },
  };
}

function applyText(
  instruction: TextInstruction,
  state: StageState,
  expander: WordExpander,
): StageState {
  if (instruction.kind === "maintainer") {
    const { text } = instruction;
    return noted({ ...state, author: text }, `MAINTAINER ${text}`);
  }
  const text = expander.word(instruction.text);
  if (instruction.kind === "user") {
    return noted({ ...state, config: { ...state.config, user: text } }, `USER ${text}`);
  }
  parseSignal(text);
  const config = { ...state.config, stopSignal: text };
  return noted({ ...state, config }, `STOPSIGNAL ${text}`);
}

function applyList(
  instruction: ListInstruction,
  state: StageState,
  expander: WordExpander,
): StageState {
  if (instruction.kind === "volume") {
    const words = instruction.words.map((word) => {
      const path = expander.word(word);
      if (path !== "") return path;
      throw new DockerfileError("VOLUME specified can not be an empty string", instruction.range);
    });
    const volumes = [...new Set([...state.config.volumes, ...words])].toSorted();
    return noted({ ...state, config: { ...state.config, volumes } }, `VOLUME ${plainList(words)}`);
  }
  const ports = instruction.words
    .flatMap((word) => expander.words(word))
    .flatMap((word) => portsOf(word, instruction))
    .toSorted();
  const exposedPorts = [...new Set([...state.config.exposedPorts, ...ports])].toSorted();
  const config = { ...state.config, exposedPorts };
  return noted({ ...state, config }, `EXPOSE ${plainList([...new Set(ports)])}`);
}

/** `80`, `80/udp`, `80-82/tcp`; an address or port of the host in front is passed over, as BuildKit does. */
function portsOf(word: string, { range }: ListInstruction): readonly string[] {
  const [, given = "", protocol = "tcp"] = /^([^/]*)(?:\/(.*))?$/.exec(word) ?? [];
  const port = given.slice(given.lastIndexOf(":") + 1);
  const found = tryParsePortRange(port);
  if (!found)
    throw new DockerfileError(`invalid containerPort: ${port}`, range, { isParse: false });
  if (!/^(?:tcp|udp|sctp)$/i.test(protocol)) {
    throw new DockerfileError(`invalid proto: ${protocol}`, range, { isParse: false });
  }
  return Array.from(
    { length: found.last - found.first + 1 },
    (_, index) => `${found.first + index}/${protocol.toLowerCase()}`,
  );
}
