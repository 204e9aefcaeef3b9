import type { BuildOptions } from "#builder/attributes.ts";
import type { StagePlan } from "#builder/graph/stages.ts";
import type { StageInstruction } from "#builder/language/instruction.ts";
import type { Dockerfile } from "#builder/language/stages.ts";
import { formatPlatform, parsePlatform, type Platform } from "#spec/platform.ts";

export interface NumberingOptions {
  readonly file: Dockerfile;
  readonly plan: StagePlan;
  readonly needed: ReadonlySet<number>;
  /** That the build is for, and all that were asked for. */
  readonly platform: Platform;
  readonly platforms: BuildOptions["platforms"];
  /** Of the engine. */
  readonly host: Platform;
}

const STEP_KINDS: ReadonlySet<StageInstruction["kind"]> = new Set([
  "run",
  "copy",
  "add",
  "workdir",
] as const);

/** Whether an instruction makes files, and so has a number of its own in what BuildKit tells. */
export function isStep({ kind }: Pick<StageInstruction, "kind">): boolean {
  return STEP_KINDS.has(kind);
}

/** How the steps of a build are counted and called, to those who watch it. */
export class Numbering {
  readonly #options: NumberingOptions;

  constructor(options: NumberingOptions) {
    this.#options = options;
  }

  /** Instructions that are carried out, each stage's FROM among them. */
  get total(): number {
    const { file, needed } = this.#options;
    return [...needed].reduce(
      (sum, index) => sum + 1 + (file.stages[index]?.instructions.length ?? 0),
      0,
    );
  }

  /** Of the stage's FROM among all instructions that are carried out, from 1. */
  numberOf(stageIndex: number): number {
    const { file, needed } = this.#options;
    let number = 1;
    for (const [index, stage] of file.stages.entries()) {
      if (index === stageIndex) return number;
      if (needed.has(index)) number += 1 + stage.instructions.length;
    }
    return number;
  }

  stepsOf(index: number): number {
    const own = this.#options.file.stages[index]?.instructions ?? [];
    return 1 + own.filter(isStep).length;
  }

  /** `[build 2/5]` @param steps Of the stage, with its FROM. */
  prefix(index: number, step: number, steps: number): string {
    const { plan, needed } = this.#options;
    const planned = plan.stages[index];
    const own = planned?.name ?? "";
    const name = own === "" && needed.size > 1 ? `stage-${index}` : own;
    const words = [this.#platformName(planned?.platform ?? ""), name, `${step}/${steps}`];
    return `[${words.filter((word) => word !== "").join(" ")}]`;
  }

  /** Of a build for several platforms: which one a stage is for. @param written Its own, as its FROM has it. */
  #platformName(written: string): string {
    const { platforms, platform, host } = this.#options;
    if (platforms.length < 2) return "";
    const own = written === "" ? platform : parsePlatform(written, host);
    const other = own.architecture === platform.architecture ? "" : `->${platform.architecture}`;
    return `${formatPlatform(own)}${other}`;
  }
}
