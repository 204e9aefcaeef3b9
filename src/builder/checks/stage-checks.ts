import { cleanPath } from "#base/posix-path.ts";
import { WordExpander } from "#builder/graph/expand-instruction.ts";
import type { StageState } from "#builder/graph/stage-state.ts";
import type { PathFilter } from "#spec/ignore/path-filter.ts";
import type {
  CommandInstruction,
  CopyInstruction,
  HealthInstruction,
  ListInstruction,
  StageInstruction,
} from "#builder/language/instruction.ts";
import type { CheckLog } from "./check-log.ts";

const SECRET = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const PUBLIC = /(?:_|^)public(?:_|$)/i;
const REMOTE = /^(?:https?:\/\/|git:\/\/|ssh:\/\/|git@)/;

/** What an instruction is seen with. */
export interface InstructionSurroundings {
  /** The stage before it. */
  readonly state: StageState;
  readonly escape: "\\" | "`";
  /** A WORKDIR of this stage, or of one that it is made from, stands before it. */
  readonly hasWorkdir: boolean;
  readonly ignored: PathFilter;
}

/** What can be said of one instruction of a stage that is built. */
export function checkInstruction(
  instruction: StageInstruction,
  given: InstructionSurroundings,
  log: CheckLog,
): void {
  const { range } = instruction;
  switch (instruction.kind) {
    case "cmd":
    case "entrypoint": {
      if (!instruction.command.isShell || given.state.config.shell !== undefined) return;
      const detail = `JSON arguments recommended for ${instruction.kind.toUpperCase()} to prevent unintended behavior related to OS signals`;
      log.warn("JSONArgsRecommended", range, detail);
      return;
    }
    case "workdir": {
      const { state, escape } = given;
      const path = new WordExpander({ variables: state.variables, escape, range }).word(
        instruction.text,
      );
      if (given.hasWorkdir || path.startsWith("/")) return;
      const detail = `Relative workdir ${JSON.stringify(path)} can have unexpected results if the base image changes`;
      log.warn("WorkdirRelativePath", range, detail);
      return;
    }
    case "env":
    case "label": {
      const word = instruction.kind.toUpperCase();
      if (instruction.isLegacy) {
        const detail = `"${word} key=value" should be used instead of legacy "${word} key value" format`;
        log.warn("LegacyKeyValueFormat", range, detail);
      }
      if (instruction.kind === "env") checkSecrets(word, instruction.pairs, range, log);
      return;
    }
    case "arg":
      checkSecrets("ARG", instruction.args, range, log);
      return;
    case "expose":
      checkPorts(instruction, given, log);
      return;
    case "copy":
    case "add":
      checkSources(instruction, given, log);
      return;
    default:
      return;
  }
}

function checkSecrets(
  word: string,
  pairs: readonly { readonly name: string }[],
  range: StageInstruction["range"],
  log: CheckLog,
): void {
  for (const { name } of pairs) {
    if (!SECRET.test(name) || PUBLIC.test(name)) continue;
    const detail = `Do not use ARG or ENV instructions for sensitive data (${word} ${JSON.stringify(name)})`;
    log.warn("SecretsUsedInArgOrEnv", range, detail);
  }
}

function checkPorts(
  { words, range }: ListInstruction,
  { state, escape }: InstructionSurroundings,
  log: CheckLog,
): void {
  const expander = new WordExpander({ variables: state.variables, escape, range });
  for (const port of words.flatMap((word) => expander.words(word))) {
    const [address = "", protocol = ""] = port.split("/");
    if (protocol !== protocol.toLowerCase()) {
      const detail = `Defined protocol '${port}' in EXPOSE instruction should be lowercase`;
      log.warn("ExposeProtoCasing", range, detail);
    }
    if (address.includes(":")) {
      const detail = `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`;
      log.warn("ExposeInvalidFormat", range, detail);
    }
  }
}

function checkSources(
  { kind, from, sources, range }: CopyInstruction,
  { state, escape, ignored }: InstructionSurroundings,
  log: CheckLog,
): void {
  if (from !== undefined || ignored.isEmpty) return;
  const expander = new WordExpander({ variables: state.variables, escape, range });
  for (const source of sources.map((word) => expander.word(word))) {
    if (REMOTE.test(source)) continue;
    const path = cleanPath(`/${source}`).slice(1) || ".";
    if (!ignored.isMatched(path) || ignored.mayExceptBelow(path)) continue;
    const word = kind === "copy" ? "Copy" : "Add";
    const detail = `Attempting to ${word} file ${JSON.stringify(path)} that is excluded by .dockerignore`;
    log.warn("CopyIgnoredFile", range, detail);
  }
}

type LastOnly = CommandInstruction | HealthInstruction;

/** Of some instructions only the last of a stage means anything. */
export function checkRepetitions(instructions: readonly StageInstruction[], log: CheckLog): void {
  const last = new Map<LastOnly["kind"], LastOnly>();
  for (const instruction of instructions) {
    const { kind } = instruction;
    if (kind !== "cmd" && kind !== "entrypoint" && kind !== "healthcheck") continue;
    const earlier = last.get(kind);
    if (earlier) {
      const detail = `Multiple ${kind.toUpperCase()} instructions should not be used in the same stage because only the last one will be used`;
      log.warn("MultipleInstructionsDisallowed", earlier.range, detail);
    }
    last.set(kind, instruction);
  }
}
