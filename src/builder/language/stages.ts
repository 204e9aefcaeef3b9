import { DockerfileError } from "./dockerfile-error.ts";
import type { Directives } from "./directives.ts";
import type { ArgInstruction, FromInstruction, StageInstruction } from "./instruction.ts";
import type { InstructionNode } from "./node.ts";
import { parseFile } from "./parse-file.ts";
import { readInstruction } from "./read-instruction.ts";

export interface Stage {
  readonly from: FromInstruction;
  readonly instructions: readonly StageInstruction[];
}

/** A Dockerfile, read whole. */
export interface Dockerfile {
  readonly directives: Directives;
  /** ARG lines before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
  /** As they stand in the file, for the build checks. */
  readonly nodes: readonly InstructionNode[];
}

/**
 * Reads a Dockerfile: what is wrong with any line of it is told here, also of stages that no target needs.
 *
 * @throws {DockerfileError} With BuildKit's words, and where.
 */
export function readDockerfile(text: string): Dockerfile {
  const { directives, nodes } = parseFile(text);
  const globalArgs: ArgInstruction[] = [];
  const stages: { readonly from: FromInstruction; readonly instructions: StageInstruction[] }[] =
    [];
  for (const node of nodes) {
    const instruction = readInstruction(node);
    if (instruction.kind === "from") {
      stages.push({ from: instruction, instructions: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (stage) stage.instructions.push(instruction);
    else if (instruction.kind === "arg") globalArgs.push(instruction);
    else throw new DockerfileError("no build stage in current context", node.range);
  }
  if (stages.length === 0)
    throw new DockerfileError("dockerfile contains no stages to build", undefined);
  return { directives, globalArgs, stages, nodes };
}
