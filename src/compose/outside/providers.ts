import { FailedPreconditionError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { ActParts } from "#compose/act/act-parts.ts";
import type { Project } from "#compose/model/project.ts";
import { findOnPath, findPlugin } from "./find-program.ts";
import type { Outside } from "./outside.ts";
import {
  missingParameter,
  parseProviderMessage,
  parseProviderMetadata,
  type Provider,
  providerArguments,
  type ProviderMetadata,
  type ProviderVerb,
} from "./provider-protocol.ts";
import { allServices, prefixOf, type Provided } from "./provided.ts";
import { runProgram } from "./run-program.ts";

/** A service that a program outside provides. */
export interface FoundProvider {
  readonly serviceName: string;
  readonly provider: Provider;
  /** Of the program. */
  readonly path: string;
  readonly metadata: ProviderMetadata | undefined;
}

export type OutsideParts = Pick<ActParts, "onProgress" | "isDryRun" | "signal"> & {
  readonly outside: Outside;
};

const DOING: Readonly<Record<ProviderVerb, readonly [doing: string, done: string, verb: string]>> =
  {
    up: ["Creating", "Created", "create"],
    down: ["Removing", "Removed", "remove"],
  };

/**
 * The programs of a project's providers, with what they say of themselves.
 *
 * @param verb That they will be told, for what it needs.
 * @throws {NotFoundError} There is no such program. {InvalidArgumentError} The file does not give what it needs. Both
 *   point at file, line and column.
 */
export async function findProviders(
  project: Project,
  { outside }: Pick<OutsideParts, "outside">,
  verb: ProviderVerb,
): Promise<readonly FoundProvider[]> {
  const asked = [...project.services].flatMap(([serviceName, { provider }]) =>
    provider === undefined ? [] : [{ serviceName, provider }],
  );
  return await Promise.all(
    asked.map(async ({ serviceName, provider }) => {
      const path = programOf(project, serviceName, provider, outside);
      const metadata = await askMetadata(project, path, outside);
      const missing = missingParameter(provider, verb, metadata);
      if (missing !== undefined) {
        const place = project.locate(["services", serviceName, "provider"]);
        throw new InvalidArgumentError(
          `${place}services.${serviceName}.provider: required parameter "${missing}" is missing from provider "${provider.type}" definition`,
        );
      }
      return { serviceName, provider, path, metadata };
    }),
  );
}

function programOf(
  project: Project,
  serviceName: string,
  { type = "" }: Provider,
  { pluginFolders }: Outside,
): string {
  const place = project.locate(["services", serviceName, "provider", "type"]);
  const said = `${place}services.${serviceName}.provider.type`;
  if (type === "compose" || type === "") {
    throw new InvalidArgumentError(`${said}: '${type}' is not a valid provider type`);
  }
  const searchPath = project.environment.get("PATH") ?? "";
  const folder = project.workingDirectory;
  const path = findPlugin(type, pluginFolders) ?? findOnPath(type, { searchPath, folder });
  if (path !== undefined) return path;
  throw new NotFoundError(
    `${said}: there is neither a Docker CLI plugin docker-${type} nor a program ${type} in $PATH`,
  );
}

/** Not every provider says anything of itself. */
async function askMetadata(
  project: Project,
  path: string,
  outside: Outside,
): Promise<ProviderMetadata | undefined> {
  const lines: string[] = [];
  const args = ["compose", "metadata"];
  const { exitCode } = await runProgram(programFor(project, path, args, outside), (line) =>
    lines.push(line),
  );
  return exitCode === 0 ? parseProviderMetadata(lines.join("\n")) : undefined;
}

/** A program with the project's environment. */
export function programFor(
  project: Project,
  path: string,
  args: readonly string[],
  { engineVariables }: Outside,
): {
  path: string;
  args: readonly string[];
  environment: ReadonlyMap<string, string>;
  folder: string;
} {
  const environment = new Map([...engineVariables, ...project.environment]);
  return { path, args, environment, folder: project.workingDirectory };
}

/**
 * Brings up what providers provide, each after those that it depends on.
 *
 * @returns The variables that the services which depend on them get.
 * @throws {FailedPreconditionError} One failed, in its own words.
 */
export async function bringProvidersUp(
  project: Project,
  providers: readonly FoundProvider[],
  parts: OutsideParts,
): Promise<Provided> {
  const provided = new Map<string, Map<string, string>>();
  await eachProvider(project, providers, async (provider) => {
    const { serviceName } = provider;
    const variables = await tell(project, provider, "up", parts);
    for (const [name, { depends_on }] of allServices(project)) {
      if (!depends_on?.has(serviceName)) continue;
      const before = provided.get(name) ?? new Map<string, string>();
      provided.set(name, new Map([...before, ...variables]));
    }
  });
  return provided;
}

async function eachProvider(
  project: Project,
  providers: readonly FoundProvider[],
  act: (provider: FoundProvider) => Promise<void>,
): Promise<void> {
  const started = new Map<string, Promise<void>>();
  const run = (provider: FoundProvider): Promise<void> => {
    const { serviceName } = provider;
    const before = started.get(serviceName);
    if (before) return before;
    const needs = project.services.get(serviceName)?.depends_on;
    const others = providers.filter((other) => needs?.has(other.serviceName));
    const promise = Promise.all(others.map(run)).then(() => act(provider));
    started.set(serviceName, promise);
    return promise;
  };
  await Promise.all(providers.map(run));
}

/**
 * Tells a provider of one service what to do.
 *
 * @returns Variables for who depends on it.
 * @throws {FailedPreconditionError} It failed, in its own words. {InvalidArgumentError} It says what is no message.
 */
export async function tell(
  project: Project,
  { serviceName, provider, path, metadata }: FoundProvider,
  verb: ProviderVerb,
  { onProgress, isDryRun, outside, signal }: OutsideParts,
): Promise<ReadonlyMap<string, string>> {
  const report = (status: string): void =>
    onProgress({ kind: "Service", name: serviceName, status });
  const [doing, done, word] = DOING[verb];
  const variables = new Map<string, string>();
  report(doing);
  if (!isDryRun) {
    const call = { projectName: project.name, serviceName, provider, verb, metadata };
    const program = programFor(project, path, providerArguments(call), outside);
    const { exitCode, lastWords } = await runProgram({ ...program, signal }, (line) => {
      const said = parseProviderMessage(line, `services.${serviceName}`);
      if (said?.type === "info") report(said.message);
      if (said?.type === "debug") outside.onDebug(`${serviceName}: ${said.message}`);
      if (said?.type === "error") {
        report(`Error ${said.message}`);
        throw new FailedPreconditionError(`services.${serviceName}: ${said.message}`);
      }
      if (said?.type !== "setenv") return;
      variables.set(prefixOf(serviceName) + said.name, said.value);
    });
    if (exitCode !== 0) {
      const why = lastWords === "" ? "" : `: ${lastWords}`;
      report("Error");
      throw new FailedPreconditionError(
        `services.${serviceName}: failed to ${word} service provider: exit status ${exitCode}${why}`,
      );
    }
  }
  report(done);
  return variables;
}
