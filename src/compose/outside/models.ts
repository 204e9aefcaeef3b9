import { FailedPreconditionError, NotFoundError } from "#base/errors.ts";
import type { Model, Project } from "#compose/model/project.ts";
import type { ImageStep } from "#compose/plan/plan-entries.ts";
import { findPlugin } from "./find-program.ts";
import { type OutsideParts, programFor } from "./providers.ts";
import { allServices, modelVariables, type Provided } from "./provided.ts";
import { runProgram } from "./run-program.ts";

/** What Docker's plugin for models, `docker-model`, says of itself and has. */
export interface ModelRunner {
  /** Of the program. */
  readonly path: string;
  /** By which containers reach it. */
  readonly endpoint: string;
  /** References of the models that are there. */
  readonly there: ReadonlySet<string>;
}

/**
 * Looks for what runs a project's models, and what that has. Changes nothing.
 *
 * @returns Undefined where the project has no models.
 * @throws {NotFoundError} There is none, at file, line and column. {FailedPreconditionError} It does not answer.
 */
export async function findModelRunner(
  project: Project,
  parts: Pick<OutsideParts, "outside">,
): Promise<ModelRunner | undefined> {
  const [name] = project.models.keys();
  if (name === undefined) return undefined;
  const path = findPlugin("model", parts.outside.pluginFolders);
  if (path === undefined) {
    throw new NotFoundError(
      `${project.locate(["models", name])}models.${name}: 'models' support requires Docker Model plugin: docker-model is in none of ${parts.outside.pluginFolders.join(", ")}`,
    );
  }
  const ask = async (...args: readonly string[]): Promise<unknown> => {
    const lines: string[] = [];
    const program = programFor(project, path, args, parts.outside);
    const { exitCode, lastWords } = await runProgram(program, (line) => lines.push(line));
    if (exitCode !== 0) throw failed(args, exitCode, lastWords);
    try {
      return JSON.parse(lines.join("\n"));
    } catch (cause) {
      throw new FailedPreconditionError(`docker-model ${args.join(" ")} answered with no JSON`, {
        cause,
      });
    }
  };
  const [status, models] = await Promise.all([ask("status", "--json"), ask("ls", "--json")]);
  return { path, endpoint: endpointIn(status), there: new Set(tagsIn(models)) };
}

function failed(
  args: readonly string[],
  exitCode: number,
  lastWords: string,
): FailedPreconditionError {
  const why = lastWords === "" ? "" : `: ${lastWords}`;
  return new FailedPreconditionError(
    `docker-model ${args.join(" ")}: exit status ${exitCode}${why}`,
  );
}

function endpointIn(status: unknown): string {
  const isNamed = typeof status === "object" && status !== null && "endpoint" in status;
  return isNamed && typeof status.endpoint === "string" ? status.endpoint : "";
}

function tagsIn(models: unknown): readonly string[] {
  return (Array.isArray(models) ? models : []).flatMap((each: unknown) => {
    const tags = typeof each === "object" && each !== null && "tags" in each ? each.tags : [];
    return Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
  });
}

/** What each service that uses a model knows it by. */
export function modelEnvironments(project: Project, { endpoint }: ModelRunner): Provided {
  return new Map(
    allServices(project).flatMap(([name, { models }]) => {
      if (models === undefined) return [];
      const variables = [...models].flatMap(([key, asked]): [string, string][] => {
        const names = modelVariables(key, asked);
        return [
          [names.model, project.models.get(key)?.model ?? ""],
          [names.endpoint, endpoint],
        ];
      });
      return [[name, new Map(variables)] as const];
    }),
  );
}

/**
 * Pulls the models that are not there, and configures all.
 *
 * @throws {FailedPreconditionError} One cannot be had, in the words of the program.
 */
export async function prepareModels(
  project: Project,
  runner: ModelRunner,
  options: { readonly isQuiet: boolean },
  parts: OutsideParts,
): Promise<void> {
  await Promise.all(
    [...project.models].map(async ([key, model]) => {
      const report = (status: string): void =>
        parts.onProgress({ kind: "Service", name: model.name ?? key, status });
      const run = async (args: readonly string[], onLine: (line: string) => void) => {
        if (parts.isDryRun) return;
        const program = programFor(project, runner.path, args, parts.outside);
        const ended = await runProgram({ ...program, signal: parts.signal }, onLine);
        if (ended.exitCode === 0) return;
        report("Error");
        throw failed(args, ended.exitCode, ended.lastWords);
      };
      const reference = model.model ?? key;
      if (!isThere(runner, reference)) {
        report("Pulling");
        await run(["pull", reference], (line) => {
          if (!options.isQuiet && line !== "") report(`Pulling ${line}`);
        });
        report("Pulled");
      }
      report("Configuring");
      await run(configureArguments(model, reference), () => {});
      report("Configured");
    }),
  );
}

/** Whether it is there under this name, or under the name with its tag. */
function isThere({ there }: Pick<ModelRunner, "there">, reference: string): boolean {
  return there.has(reference) || there.has(`${reference}:latest`);
}

function configureArguments(
  { context_size: size, runtime_flags: flags = [] }: Model,
  reference: string,
): readonly string[] {
  const context = size === undefined ? [] : ["--context-size", String(size)];
  return ["configure", ...context, reference, ...(flags.length > 0 ? ["--", ...flags] : [])];
}

/** What `up` will do about models. */
export function modelSteps(
  { models }: Project,
  runner: Pick<ModelRunner, "there"> | undefined,
): readonly ImageStep[] {
  const missing = [...models].filter(
    ([key, { model = key }]) => runner !== undefined && !isThere(runner, model),
  );
  return missing.map(([key, { model = key }]) => ({
    ...{ kind: "model", reference: model, service: "", action: "pull", why: "it is not there" },
  }));
}
