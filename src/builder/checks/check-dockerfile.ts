import { hasNamedContext } from "#builder/named-contexts.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import type { BuildOptions } from "#builder/attributes.ts";
import { evaluateInstruction } from "#builder/graph/evaluate.ts";
import { globalArguments } from "#builder/graph/global-arguments.ts";
import { neededStages, planStages, type StagePlan } from "#builder/graph/stages.ts";
import { resolveOrigin } from "#builder/graph/stages.ts";
import { beginStage, type StageState } from "#builder/graph/stage-state.ts";
import { PathFilter } from "#spec/ignore/path-filter.ts";
import type { StageInstruction } from "#builder/language/instruction.ts";
import type { Dockerfile } from "#builder/language/stages.ts";
import { EMPTY_EXECUTION_CONFIG } from "#spec/oci-image.ts";
import { parsePlatform, type Platform } from "#spec/platform.ts";
import { CheckLog, type CheckWarning } from "./check-log.ts";
import { CHECK_ARGUMENT, type CheckOptions, parseCheckOptions } from "./check-options.ts";
import { checkFile } from "./file-checks.ts";
import { checkFroms } from "./from-checks.ts";
import { nearName } from "#builder/language/near-name.ts";
import { checkInstruction, checkRepetitions } from "./stage-checks.ts";

export interface CheckRequest {
  readonly file: Dockerfile;
  readonly options: BuildOptions;
  /** Patterns of the ignore file. */
  readonly ignored: readonly string[];
  readonly build: Platform;
  readonly target: Platform;
  /** Stages that no target needs are checked too. */
  readonly isWholeFile: boolean;
  /** What a stage on that image begins with; undefined where that cannot be known without fetching it. */
  readonly stateOf: (reference: string, platform: Platform) => Promise<StageState | undefined>;
}

export interface CheckReport {
  readonly warnings: readonly CheckWarning[];
  /** Why the file cannot be built; what stands behind it was not looked at. */
  readonly error?: InvalidArgumentError;
}

/** What the file, or the build argument in its place, asks of the checks. @throws {InvalidArgumentError} */
export function checkOptionsOf(file: Dockerfile, options: BuildOptions): CheckOptions {
  return parseCheckOptions(options.buildArgs.get(CHECK_ARGUMENT) ?? file.directives.check ?? "");
}

/**
 * Goes through a Dockerfile as a build would, without carrying out anything.
 *
 * @throws {InvalidArgumentError} Options that are none.
 */
export async function checkDockerfile(request: CheckRequest): Promise<CheckReport> {
  const { file, options, build, target } = request;
  const checkOptions = checkOptionsOf(file, options);
  const log = new CheckLog(checkOptions);
  const targetStage = options.target ?? "default";
  checkFile(file, log);
  checkFroms(file, { build, target, targetStage }, log);
  try {
    await new StageWalk(request, log).walk();
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return { warnings: log.warnings, error };
  }
  const { warnings } = log;
  if (!checkOptions.failsBuild || warnings.length === 0) return { warnings };
  const rules = [...new Set(warnings.map(({ rule }) => rule))];
  const error = new InvalidArgumentError(`lint violation found for rules: ${rules.join(", ")}`);
  return { warnings, error };
}

interface WalkedStage {
  readonly state: StageState;
  /** All variables are known: those of the base image too. */
  readonly isKnown: boolean;
  readonly hasWorkdir: boolean;
}

class StageWalk {
  readonly #request: CheckRequest;
  readonly #log: CheckLog;
  readonly #globals: ReadonlyMap<string, string>;
  readonly #plan: StagePlan;
  readonly #ignored: PathFilter;
  readonly #stages = new Map<number, WalkedStage>();

  /** @throws {InvalidArgumentError} The plan cannot be. */
  constructor(request: CheckRequest, log: CheckLog) {
    this.#request = request;
    this.#log = log;
    const { file, options, build, target } = request;
    this.#globals = globalArguments(file.globalArgs, {
      buildArgs: options.buildArgs,
      build,
      target,
      targetStage: options.target ?? "default",
      escape: file.directives.escape,
    });
    this.#plan = planStages(file, {
      target: options.target,
      globalArgs: this.#globals,
      isNamedContext: (name) => this.#isNamedContext(name),
    });
    this.#ignored = new PathFilter(request.ignored);
  }

  async walk(): Promise<void> {
    const { file, isWholeFile } = this.#request;
    const needed = isWholeFile
      ? file.stages.keys()
      : neededStages(file, this.#plan, (name) => this.#isNamedContext(name));
    for (const index of needed) {
      const stage = file.stages[index];
      if (!stage) continue;
      checkRepetitions(stage.instructions, this.#log);
      this.#stages.set(index, this.#walkStage(index, stage.instructions, await this.#begin(index)));
    }
  }

  async #begin(index: number): Promise<WalkedStage> {
    const { build, target, stateOf } = this.#request;
    const planned = this.#plan.stages[index];
    const base = planned?.base ?? { kind: "scratch" };
    if (base.kind === "stage") {
      const other = this.#stages.get(base.index);
      if (other) {
        const { config, args, variables } = other.state;
        const state = beginStage({ ...other.state, config, args, variables });
        return { ...other, state };
      }
    }
    const platform = planned?.platform ? parsePlatform(planned.platform, build) : target;
    const found = base.kind === "image" ? await stateOf(base.reference, platform) : undefined;
    const empty = { config: EMPTY_EXECUTION_CONFIG, author: "", platform, osFeatures: [] };
    const state = found ?? beginStage({ ...empty, history: [] });
    const isKnown = found !== undefined || base.kind === "scratch";
    return { state, isKnown, hasWorkdir: false };
  }

  #walkStage(
    index: number,
    instructions: readonly StageInstruction[],
    begun: WalkedStage,
  ): WalkedStage {
    const { file, options } = this.#request;
    const { escape } = file.directives;
    const ignored = this.#ignored;
    let { state, hasWorkdir } = begun;
    for (const instruction of instructions) {
      const { range } = instruction;
      checkInstruction(instruction, { state, escape, hasWorkdir, ignored }, this.#log);
      const known = new Set([...state.variables.keys(), ...state.args.map(({ name }) => name)]);
      const evaluated = evaluateInstruction(instruction, state, {
        escape,
        buildArgs: options.buildArgs,
        globalArgs: this.#globals,
        resolveOrigin: (name) =>
          resolveOrigin(this.#plan, index, name, {
            range,
            isNamedContext: (one) => this.#isNamedContext(one),
          }),
        onUnset: (name) => {
          // as BuildKit: EXPOSE is not looked at
          if (known.has(name) || !begun.isKnown || instruction.kind === "expose") return;
          const detail = `Usage of undefined variable '$${name}'${nearName(name, known, "$")}`;
          this.#log.warn("UndefinedVar", range, detail);
        },
      });
      ({ state } = evaluated);
      hasWorkdir ||= instruction.kind === "workdir";
    }
    return { state, isKnown: begun.isKnown, hasWorkdir };
  }

  #isNamedContext(name: string): boolean {
    return hasNamedContext(this.#request.options.namedContexts, name);
  }
}
