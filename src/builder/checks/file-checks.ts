import type { SourceRange } from "#builder/language/dockerfile-error.ts";
import type { InstructionNode } from "#builder/language/node.ts";
import type { Dockerfile } from "#builder/language/stages.ts";
import type { CheckLog } from "./check-log.ts";

const RESERVED: ReadonlySet<string> = new Set(["context", "scratch"]);

/** What can be said of a file as it is written, whatever is built of it. */
export function checkFile(file: Dockerfile, log: CheckLog): void {
  for (const node of file.nodes) {
    if (node.hasEmptyContinuation) {
      const { endLine } = node.range;
      const range = { startLine: endLine, endLine, column: 1 };
      log.warn("NoEmptyContinuation", range, "Empty continuation line");
    }
    if (node.keyword === "MAINTAINER") {
      const detail = "Maintainer instruction is deprecated in favor of using label";
      log.warn("MaintainerDeprecated", node.range, detail);
    }
    if (node.keyword === "FROM") checkFromWords(node, log);
    checkDescription(node, log);
  }
  checkCasing(file, log);
  checkStageNames(file, log);
}

function checkFromWords({ writtenKeyword, args, range }: InstructionNode, log: CheckLog): void {
  const [, as, name] = args.map(({ text }) => text);
  if (as === undefined || name === undefined) return;
  if (name !== name.toLowerCase()) {
    log.warn("StageNameCasing", range, `Stage name '${name}' should be lowercase`);
  }
  const wanted = caseOf(writtenKeyword);
  if (wanted !== undefined && caseOf(as) !== wanted) {
    const detail = `'${as}' and '${writtenKeyword}' keywords' casing do not match`;
    log.warn("FromAsCasing", range, detail);
  }
}

type Casing = "lowercase" | "uppercase";

function caseOf(word: string): Casing | undefined {
  if (word === word.toLowerCase()) return "lowercase";
  return word === word.toUpperCase() ? "uppercase" : undefined;
}

/** The last comment above a stage or an argument describes it, and so begins with its name. */
function checkDescription(node: InstructionNode, log: CheckLog): void {
  const comment = node.comments.at(-1) ?? "";
  if (comment === "") return;
  const names = describedNames(node);
  if (names.length === 0) return;
  if (names.some((name) => comment === name || comment.startsWith(`${name} `))) return;
  const [only = "", ...others] = names;
  const shown = others.length > 0 ? "<arg_key>" : only;
  const detail = `Comment for ${node.keyword} should follow the format: \`# ${shown} <description>\``;
  log.warn("InvalidDefinitionDescription", node.range, detail);
}

function describedNames({ keyword, args }: InstructionNode): readonly string[] {
  if (keyword === "ARG") return args.map(({ text }) => text);
  return keyword === "FROM" && args[2] ? [args[2].text] : [];
}

/** All instructions should be in capitals, or none; capitals where it is even. */
function checkCasing({ nodes }: Dockerfile, log: CheckLog): void {
  const first = nodes.findIndex(({ keyword }) => keyword === "FROM");
  const written = nodes.slice(first);
  const count = (casing: Casing): number =>
    written.filter(({ writtenKeyword }) => caseOf(writtenKeyword) === casing).length;
  const majority = count("lowercase") > count("uppercase") ? "lowercase" : "uppercase";
  for (const { writtenKeyword, range } of written) {
    if (caseOf(writtenKeyword) === majority) continue;
    const detail = `Command '${writtenKeyword}' should match the case of the command majority (${majority})`;
    log.warn("ConsistentInstructionCasing", range, detail);
  }
}

function checkStageNames({ stages }: Dockerfile, log: CheckLog): void {
  const seen = new Map<string, SourceRange>();
  for (const { from } of stages) {
    const { name, range } = from;
    if (name === "") continue;
    if (RESERVED.has(name)) {
      const detail = `Stage name should not use the same name as reserved stage ${JSON.stringify(name)}`;
      log.warn("ReservedStageName", range, detail);
    }
    if (seen.has(name)) {
      const detail = `Duplicate stage name ${JSON.stringify(name)}, stage names should be unique`;
      log.warn("DuplicateStageName", range, detail);
    }
    seen.set(name, range);
  }
}
