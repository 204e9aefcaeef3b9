import { InvalidArgumentError } from "#base/errors.ts";
import { nearestWord } from "#base/nearest.ts";
import { nearName } from "#builder/language/near-name.ts";
import { DockerfileError, type SourceRange } from "#builder/language/dockerfile-error.ts";
import type { StageInstruction } from "#builder/language/instruction.ts";
import type { Dockerfile } from "#builder/language/stages.ts";
import { parseImageName } from "#spec/reference.ts";
import { WordExpander } from "./expand-instruction.ts";
import type { FileOrigin } from "./step.ts";

/** What a stage is made from. */
export type StageBase =
  | { readonly kind: "scratch" }
  | { readonly kind: "stage"; readonly index: number }
  | { readonly kind: "image"; readonly reference: string };

export interface PlannedStage {
  readonly index: number;
  /** Lower case; empty without one. */
  readonly name: string;
  readonly base: StageBase;
  /** As written, variables replaced; empty for the target's. */
  readonly platform: string;
}

export interface StagePlan {
  readonly stages: readonly PlannedStage[];
  /** Index of the stage that is asked for. */
  readonly target: number;
}

/**
 * What each stage is made from, and which one is asked for.
 *
 * @throws {DockerfileError} An unknown target, a base name that is blank or its own.
 */
export function planStages(
  file: Dockerfile,
  given: {
    readonly target: string | undefined;
    readonly globalArgs: ReadonlyMap<string, string>;
    /** Named contexts take the place of stages and images of that name. */
    readonly isNamedContext: (name: string) => boolean;
  },
): StagePlan {
  const stages = file.stages.map(({ from }, index): PlannedStage => {
    const expander = new WordExpander({
      variables: given.globalArgs,
      escape: file.directives.escape,
      range: from.range,
    });
    const name = expander.word(from.base);
    if (name === "") {
      const reason = `base name (${from.base}) should not be blank`;
      throw new DockerfileError(reason, from.range, { isParse: false });
    }
    const base = baseOf(file, name, index, given.isNamedContext);
    const platform = expander.word(from.platform);
    if (platform === "" && from.platform !== "") {
      const near = nearName(/\w+/.exec(from.platform)?.[0] ?? "", given.globalArgs.keys());
      const reason = `empty platform value from expression ${from.platform}${near}`;
      throw new DockerfileError(reason, from.range, { isParse: false });
    }
    return { index, name: from.name, base, platform };
  });
  return { stages, target: findTarget(file, given.target) };
}

function baseOf(
  file: Dockerfile,
  name: string,
  index: number,
  isNamedContext: (name: string) => boolean,
): StageBase {
  if (name === "scratch") return { kind: "scratch" };
  if (isNamedContext(name)) return { kind: "image", reference: name };
  const earlier = file.stages
    .slice(0, index)
    .findLastIndex(({ from }) => from.name === name.toLowerCase());
  if (earlier >= 0) return { kind: "stage", index: earlier };
  try {
    parseImageName(name);
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError)) throw cause;
    const reason = `failed to parse stage name ${JSON.stringify(name)}: ${cause.message}`;
    const { range } = file.stages[index]?.from ?? {};
    throw new DockerfileError(reason, range, { cause, isParse: false });
  }
  return { kind: "image", reference: name };
}

function findTarget(file: Dockerfile, target: string | undefined): number {
  if (target === undefined) return file.stages.length - 1;
  const name = target.toLowerCase();
  const byName = file.stages.findLastIndex(({ from }) => from.name === name);
  if (byName >= 0) return byName;
  if (/^\d+$/.test(target) && Number(target) < file.stages.length) return Number(target);
  const names = file.stages.map(({ from }) => from.name).filter((one) => one !== "");
  const near = nearestWord(name, names);
  const hint = near === undefined ? "" : ` (did you mean ${near}?)`;
  throw new DockerfileError(`target stage ${JSON.stringify(target)} could not be found${hint}`);
}

/**
 * What `--from` means in a stage: an earlier stage by name or index, a named context, an image.
 *
 * @throws {DockerfileError} The stage itself or a later one.
 */
export function resolveOrigin(
  plan: StagePlan,
  stageIndex: number,
  name: string,
  given: { readonly range: SourceRange; readonly isNamedContext: (name: string) => boolean },
): FileOrigin {
  if (given.isNamedContext(name)) return { kind: "named", name };
  const lower = name.toLowerCase();
  const isNumber = /^\d+$/.test(name);
  const byName = plan.stages.slice(0, stageIndex).findLastIndex((stage) => stage.name === lower);
  if (byName >= 0) return { kind: "stage", index: byName };
  if (isNumber && Number(name) < stageIndex) return { kind: "stage", index: Number(name) };
  const isLater =
    plan.stages.some((stage) => stage.name !== "" && stage.name === lower) ||
    (isNumber && Number(name) < plan.stages.length);
  if (isLater) {
    const own = plan.stages[stageIndex];
    const isOwn = own?.name === lower || (isNumber && Number(name) === stageIndex);
    const reason = isOwn
      ? `circular dependency detected on stage: ${own?.name || stageIndex}`
      : `stage ${JSON.stringify(name)} needs to be defined before current stage ${JSON.stringify(own?.name || String(stageIndex))}`;
    throw new DockerfileError(reason, given.range, { isParse: false });
  }
  if (isNumber) {
    const reason = `invalid stage index ${JSON.stringify(name)}: the file has ${plan.stages.length} stages`;
    throw new DockerfileError(reason, given.range, { isParse: false });
  }
  return { kind: "named", name };
}

/** Indices of the stages that the target needs, itself too, in the order of the file. */
export function neededStages(
  file: Dockerfile,
  plan: StagePlan,
  isNamedContext: (name: string) => boolean,
): ReadonlySet<number> {
  const needed = new Set<number>();
  const pending = [plan.target];
  for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
    if (needed.has(index)) continue;
    needed.add(index);
    const base = plan.stages[index]?.base;
    if (base?.kind === "stage") pending.push(base.index);
    for (const instruction of file.stages[index]?.instructions ?? []) {
      const given = { range: instruction.range, isNamedContext };
      for (const name of originNames(instruction)) {
        const origin = resolveOrigin(plan, index, name, given);
        if (origin.kind === "stage") pending.push(origin.index);
      }
    }
  }
  return new Set([...needed].toSorted((left, right) => left - right));
}

/** Names that an instruction takes files from. */
function originNames(instruction: StageInstruction): readonly string[] {
  switch (instruction.kind) {
    case "copy":
      return instruction.from === undefined ? [] : [instruction.from];
    case "run":
      return instruction.plainMounts.flatMap((mount) =>
        (mount.type === "bind" || mount.type === "cache") && mount.from !== undefined
          ? [mount.from]
          : [],
      );
    default:
      return [];
  }
}
