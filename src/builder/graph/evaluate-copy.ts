import { cleanPath } from "#base/posix-path.ts";
import { DockerfileError } from "#builder/language/dockerfile-error.ts";
import type { CopyInstruction } from "#builder/language/instruction.ts";
import { type Evaluated, type EvaluationContext, noted } from "./evaluation.ts";
import type { WordExpander } from "./expand-instruction.ts";
import type { StageState } from "./stage-state.ts";
import type { FileAction, FileOrigin } from "./step.ts";

/** A URL that git can clone: what BuildKit takes for one. */
const GIT_URL = /^(?:git@[^:]+:|git:\/\/|ssh:\/\/|https?:\/\/[^?#]*\.git(?:[?#]|$))/;
const HTTP_URL = /^https?:\/\//;

/** What COPY and ADD do. @throws {DockerfileError} */
export function planCopy(
  instruction: CopyInstruction,
  state: StageState,
  context: EvaluationContext,
  expander: WordExpander,
): Evaluated {
  const { range, isLink, excludes, keepsParents, from } = instruction;
  const owner = expanded(expander, instruction.chown);
  const mode = expanded(expander, instruction.chmod);
  const sources = instruction.sources.map((source) => expander.word(source));
  const written = expander.word(instruction.destination);
  const destination = destinationOf(written, state.config.workingDir);
  const common = {
    destination,
    ...(owner === undefined ? {} : { owner }),
    ...(mode === undefined ? {} : { mode }),
  };
  const origin: FileOrigin = from === undefined ? { kind: "context" } : context.resolveOrigin(from);
  const files = instruction.files.map((file): FileAction => {
    const content = file.isExpanded ? expander.body(file.content) : file.content;
    return { kind: "file", name: file.name, content, ...common };
  });
  const checksum = expanded(expander, instruction.checksum);
  if (checksum !== undefined && sources.length !== 1) {
    throw new DockerfileError("checksum can't be specified for multiple sources", range);
  }
  const actions = sources.map((source): FileAction => {
    const remote =
      instruction.kind === "add" ? remoteAction(source, instruction, checksum) : undefined;
    if (remote) return { ...remote, ...common };
    if (checksum !== undefined) {
      throw new DockerfileError("checksum requires HTTP(S) or Git sources", range);
    }
    const unpacks = instruction.isUnpacked ?? instruction.kind === "add";
    return { kind: "copy", origin, source, keepsParents, excludes, unpacks, ...common };
  });
  const word = instruction.kind === "copy" ? "COPY" : "ADD";
  const inline = instruction.files.map(({ name }) => `<<${name}`);
  const flags = [
    ...(keepsParents ? ["--parents"] : []),
    ...(owner === undefined ? [] : [`--chown=${owner}`]),
    ...(mode === undefined ? [] : [`--chmod=${mode}`]),
  ];
  const createdBy = [word, ...flags, ...sources, ...inline, written, "# buildkit"].join(" ");
  return {
    state: noted(state, createdBy, true),
    step: {
      kind: "files",
      title: `${word} ${instruction.original.replace(/^\S+\s*/, "")}`,
      range,
      // BuildKit's own rule: a change of mode needs the files below
      isLink: isLink && mode === undefined,
      actions: [...actions, ...files],
    },
  };
}

function expanded(expander: WordExpander, text: string | undefined): string | undefined {
  return text === undefined ? undefined : expander.word(text);
}

/** Absolute; with a slash at the end where a folder is meant. */
function destinationOf(written: string, workingDir: string): string {
  const path = written.startsWith("/")
    ? cleanPath(written)
    : cleanPath(`/${workingDir}/${written}`);
  const isFolder = written.endsWith("/") || written === "." || written.endsWith("/.");
  return isFolder && path !== "/" ? `${path}/` : path;
}

type RemoteAction =
  | Omit<Extract<FileAction, { kind: "git" }>, "destination">
  | Omit<Extract<FileAction, { kind: "http" }>, "destination">;

function remoteAction(
  source: string,
  instruction: CopyInstruction,
  checksum: string | undefined,
): RemoteAction | undefined {
  const { keepsGitDirectory, excludes, isUnpacked } = instruction;
  const checked = checksum === undefined ? {} : { checksum };
  if (GIT_URL.test(source)) {
    const kept = keepsGitDirectory === undefined ? {} : { keepsGitDirectory };
    return { kind: "git", url: source, excludes, ...kept, ...checked };
  }
  if (!HTTP_URL.test(source)) return undefined;
  return { kind: "http", url: source, unpacks: isUnpacked ?? false, ...checked };
}
