import { hasNamedContext } from "#builder/named-contexts.ts";
import type { BuildOptions } from "#builder/attributes.ts";
import { WordExpander } from "#builder/graph/expand-instruction.ts";
import { globalArguments } from "#builder/graph/global-arguments.ts";
import { neededStages, planStages } from "#builder/graph/stages.ts";
import type { SourceRange } from "#builder/language/dockerfile-error.ts";
import type { ArgInstruction, StageInstruction } from "#builder/language/instruction.ts";
import { parseTrigger } from "#builder/language/parse-file.ts";
import { readStageInstruction } from "#builder/language/read-instruction.ts";
import { parseRunMount } from "#builder/language/run-mounts.ts";
import type { Dockerfile } from "#builder/language/stages.ts";
import type { Platform } from "#spec/platform.ts";
import type { BuildOutline, OutlineItem } from "#spec/buildkit/outline.ts";
import { describedBy } from "./described-by.ts";

/** The names in `$NAME` and `${NAME…}`. */
const EXPANSION_NAMES = /\$\{?([A-Za-z_][A-Za-z0-9_]*)/g;

interface Argument extends OutlineItem {
  readonly value?: string;
  /** Names in its default. */
  readonly needs: readonly string[];
}

interface Asked extends OutlineItem {
  readonly required?: boolean;
}

/** What one stage may be given, and what it is made from. */
interface StageOutline {
  readonly args: readonly OutlineItem[];
  readonly secrets: readonly Asked[];
  readonly ssh: readonly Asked[];
}

/**
 * What a target may be given: arguments, secrets and agents, of the stages that it needs too.
 *
 * @throws {DockerfileError} An unknown target; a word that cannot be expanded.
 */
export function outlineOf(
  file: Dockerfile,
  options: BuildOptions,
  platforms: { readonly build: Platform; readonly target: Platform },
): BuildOutline {
  const { buildArgs } = options;
  const { escape } = file.directives;
  const targetStage = options.target ?? "default";
  const globals = globalArguments(file.globalArgs, {
    buildArgs,
    ...platforms,
    targetStage,
    escape,
  });
  const isNamedContext = (name: string): boolean => hasNamedContext(options.namedContexts, name);
  const plan = planStages(file, { target: options.target, globalArgs: globals, isNamedContext });
  const needed = [...neededStages(file, plan, isNamedContext)].toReversed();
  const reader = new OutlineReader(file, buildArgs, globals);
  const outlines = needed.map((index) => reader.stage(index, plan.stages[index]?.base));
  const target = file.stages[plan.target]?.from;
  const description = target ? describedBy(target.comments, target.name) : undefined;
  const args = collect(outlines.flatMap((one) => one.args));
  const secrets = collect(outlines.flatMap((one) => one.secrets));
  const ssh = collect(outlines.flatMap((one) => one.ssh));
  return {
    ...(target && target.name !== "" ? { name: target.name } : {}),
    ...(description === undefined ? {} : { description }),
    ...(args.length > 0 ? { args } : {}),
    ...(secrets.length > 0 ? { secrets } : {}),
    ...(ssh.length > 0 ? { ssh } : {}),
  };
}

/** The first of each name, in the order of the file. */
function collect<Item extends OutlineItem>(items: readonly Item[]): readonly Item[] {
  const byName = new Map<string, Item>();
  for (const item of items) if (!byName.has(item.name)) byName.set(item.name, item);
  return [...byName.values()].toSorted((left, right) => lineOf(left) - lineOf(right));
}

function lineOf({ location }: OutlineItem): number {
  return location.ranges[0]?.start.line ?? 0;
}

class OutlineReader {
  readonly #file: Dockerfile;
  readonly #buildArgs: ReadonlyMap<string, string>;
  readonly #globals: ReadonlyMap<string, string>;
  readonly #globalInfos = new Map<string, Argument>();
  /** Triggers that a stage leaves to those made from it. */
  readonly #triggers = new Map<number, readonly string[]>();

  constructor(
    file: Dockerfile,
    buildArgs: ReadonlyMap<string, string>,
    globals: ReadonlyMap<string, string>,
  ) {
    this.#file = file;
    this.#buildArgs = buildArgs;
    this.#globals = globals;
    for (const instruction of file.globalArgs) {
      for (const { name, value } of instruction.args) {
        this.#globalInfos.set(name, argument(instruction, name, globals.get(name), value));
      }
    }
    for (const [index, { instructions }] of file.stages.entries()) {
      const own = instructions.flatMap((one) => (one.kind === "onbuild" ? [one.trigger] : []));
      this.#triggers.set(index, own);
    }
  }

  stage(
    index: number,
    base: { readonly kind: string; readonly index?: number } | undefined,
  ): StageOutline {
    const stage = this.#file.stages[index];
    if (!stage) return { args: [], secrets: [], ssh: [] };
    const inherited = base?.index === undefined ? [] : (this.#triggers.get(base.index) ?? []);
    const triggers = inherited.map((text) => ({
      ...readStageInstruction(parseTrigger(text)),
      range: stage.from.range,
    }));
    const infos = new Map(this.#globalInfos);
    const used = new Set([...namesIn(stage.from.base), ...namesIn(stage.from.platform)]);
    const variables = new Map<string, string>();
    const found = { secrets: new Map<string, Asked>(), ssh: new Map<string, Asked>() };
    for (const instruction of [...triggers, ...stage.instructions]) {
      this.#take(instruction, { infos, used, variables, ...found });
    }
    for (const name of used) {
      for (const needed of infos.get(name)?.needs ?? []) used.add(needed);
    }
    const args = [...infos]
      .filter(([name]) => used.has(name))
      .map(([, { needs: _, ...info }]): OutlineItem => info);
    return { args, secrets: [...found.secrets.values()], ssh: [...found.ssh.values()] };
  }

  #take(
    instruction: StageInstruction,
    into: {
      readonly infos: Map<string, Argument>;
      readonly used: Set<string>;
      readonly variables: Map<string, string>;
      readonly secrets: Map<string, Asked>;
      readonly ssh: Map<string, Asked>;
    },
  ): void {
    const { variables } = into;
    const { range } = instruction;
    const { escape } = this.#file.directives;
    const expander = new WordExpander({ variables, escape, range });
    if (instruction.kind === "env") {
      for (const { name, value } of instruction.pairs) {
        variables.set(expander.word(name), expander.word(value));
      }
    } else if (instruction.kind === "arg") {
      for (const { name, value } of instruction.args) {
        const given = this.#buildArgs.get(name);
        const isInherited = value === undefined && this.#globals.has(name);
        const own = value === undefined ? this.#globals.get(name) : expander.word(value);
        const chosen = given ?? own;
        if (!isInherited) into.infos.set(name, argument(instruction, name, chosen, value));
        into.used.add(name);
        if (chosen !== undefined) variables.set(name, chosen);
      }
    } else if (instruction.kind === "run") {
      for (const text of instruction.mounts) {
        const mount = parseRunMount(text, (word) => expander.word(word));
        if (mount.type !== "secret" && mount.type !== "ssh") continue;
        const asked = mount.type === "secret" ? into.secrets : into.ssh;
        const isRequired = mount.isRequired || (asked.get(mount.id)?.required ?? false);
        const before = asked.get(mount.id);
        asked.set(mount.id, {
          name: mount.id,
          ...(isRequired ? { required: true } : {}),
          location: before?.location ?? locationOf(range),
        });
      }
    }
  }
}

function argument(
  instruction: ArgInstruction,
  name: string,
  value: string | undefined,
  written: string | undefined,
): Argument {
  const description = describedBy(instruction.comments, name);
  return {
    name,
    ...(description === undefined ? {} : { description }),
    ...(value === undefined || value === "" ? {} : { value }),
    location: locationOf(instruction.range),
    needs: namesIn(written ?? ""),
  };
}

function namesIn(text: string): readonly string[] {
  return [...text.matchAll(EXPANSION_NAMES)].flatMap(([, name]) => name ?? []);
}

function locationOf({ startLine, endLine }: SourceRange): OutlineItem["location"] {
  return { ranges: [{ start: { line: startLine }, end: { line: endLine } }] };
}
