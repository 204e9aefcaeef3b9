import { observeDetails } from "#compose/observe/details.ts";
import type { Project } from "#compose/model/project.ts";
import type { Observed } from "#compose/observe/observed.ts";
import type { ActParts } from "#compose/act/act-parts.ts";
import { usesApiSocket, withApiSocket } from "./api-socket.ts";
import { findModelRunner, modelEnvironments, type ModelRunner, prepareModels } from "./models.ts";
import {
  assumeProvided,
  bothProvided,
  type Provided,
  receivers,
  withProvided,
} from "./provided.ts";
import {
  bringProvidersUp,
  findProviders,
  type FoundProvider,
  type OutsideParts,
} from "./providers.ts";

/** A project's programs outside of the engine, all found. */
export interface Programs {
  readonly providers: readonly FoundProvider[];
  readonly models: ModelRunner | undefined;
}

/** @throws {NotFoundError} {InvalidArgumentError} One is missing, or misses something. */
export async function findPrograms(
  project: Project,
  parts: Pick<OutsideParts, "outside">,
): Promise<Programs> {
  const [providers, models] = await Promise.all([
    findProviders(project, parts, "up"),
    findModelRunner(project, parts),
  ]);
  return { providers, models };
}

/** What services with `use_api_socket` get. */
export async function withSocketOf(
  project: Project,
  { outside }: Pick<OutsideParts, "outside">,
): Promise<Project> {
  const isDone = project.apiSocketPath !== undefined;
  return usesApiSocket(project) && !isDone
    ? withApiSocket(project, await outside.apiSocket())
    : project;
}

/** With what was provided when the containers were made; nothing is asked and nothing changed. */
export async function withAssumed(
  project: Project,
  observed: Pick<Observed, "containers">,
  { engine }: Pick<ActParts, "engine">,
): Promise<Project> {
  return withProvided(project, await assumed(project, observed, engine, new Set()));
}

export interface FilledProject {
  readonly project: Project;
  /** Also of services that are left out this time. */
  readonly provided: Provided;
}

/**
 * Has providers and models do their part, and fills in what they say; what is not asked now is assumed.
 *
 * @throws {FailedPreconditionError} One failed, in its own words.
 */
export async function withAsked(
  project: Project,
  { providers, models }: Programs,
  observed: Pick<Observed, "containers">,
  options: { readonly isQuiet: boolean },
  parts: OutsideParts & Pick<ActParts, "engine">,
): Promise<FilledProject> {
  const asked = parts.isDryRun ? [] : providers.map(({ serviceName }) => serviceName);
  const before = await assumed(project, observed, parts.engine, new Set(asked));
  const ofModels = models ? modelEnvironments(project, models) : new Map();
  if (models) await prepareModels(project, models, options, parts);
  const ofProviders = await bringProvidersUp(project, providers, parts);
  const provided = bothProvided(bothProvided(before, ofModels), ofProviders);
  return { project: withProvided(project, provided), provided };
}

async function assumed(
  project: Project,
  { containers }: Pick<Observed, "containers">,
  engine: ActParts["engine"],
  asked: ReadonlySet<string>,
): Promise<Provided> {
  const receiving = receivers(project);
  const ids = containers.filter(({ service }) => receiving.has(service)).map(({ id }) => id);
  if (ids.length === 0) return new Map();
  const details = await observeDetails(engine, ids);
  return assumeProvided(project, { containers, details }, asked);
}
