import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import type { Project, Service } from "#compose/model/project.ts";
import { type ContainerDetails, observeDetails } from "#compose/observe/details.ts";
import type { ObservedContainer } from "#compose/observe/observed.ts";
import { type DueHook, plannedHooks } from "#compose/plan/pre-start.ts";
import type { Json, JsonObject } from "#compose/plan/json.ts";
import { type RollingPolicy, type RollingStep, rollingPolicy } from "#compose/plan/rolling.ts";
import type { ActParts } from "./act-parts.ts";
import { awaitHealthy } from "./await-condition.ts";
import {
  type CarryOutOptions,
  createContainer,
  type MadeContainer,
  type MadeContainers,
  takePlace,
} from "./carry-out.ts";
import { injectFileObjects } from "./file-objects.ts";
import { runHooks } from "./hooks.ts";
import { runPreStart } from "./pre-start.ts";
import { removeContainer, stopOf } from "./stop-containers.ts";

export interface Rolling extends CarryOutOptions {
  readonly project: Project;
  readonly serviceName: string;
  readonly service: Service;
  readonly made: MadeContainers;
  /** Whether the engine lets ports and names pass from one container to another at once. */
  readonly handsOver: boolean;
}

/** One container that has another's place, which has stopped and is kept until all went well. */
interface Exchanged {
  readonly step: RollingStep;
  readonly id: string;
  readonly details: ContainerDetails | undefined;
}

/** For clients that have just looked the name up, and for answers under way. */
const DRAIN_MS = 1000;

/**
 * Exchanges the containers of a service batch by batch: the new one is ready before it gets the old one's ports
 * and names in one step, and only then the old one stops. The old ones are removed when all went well.
 *
 * @returns The containers that the service has afterwards, among those that were exchanged.
 * @throws {FailedPreconditionError} A new one was not ready: as `failure_action` says, what was exchanged was put
 *   back, or stays.
 */
export async function rollService(
  steps: readonly RollingStep[],
  rolling: Rolling,
  parts: ActParts,
): Promise<readonly MadeContainer[]> {
  const policy = rollingPolicy(rolling.service);
  const ids = steps.map(({ current }) => current.id);
  const details = await observeDetails(parts.engine, ids);
  const preStart = preStartOf(steps, rolling, parts);
  const exchanged: Exchanged[] = [];
  const failures: string[] = [];
  for (let first = 0; first < steps.length; first += policy.parallelism) {
    if (first > 0) await pause(policy.delayMs, parts);
    const batch = steps.slice(first, first + policy.parallelism);
    const results = await Promise.allSettled(
      batch.map(async (step): Promise<Exchanged> => {
        const id = await exchange(step, policy, { ...rolling, preStart }, parts);
        return { step, id, details: details.get(step.current.id) };
      }),
    );
    for (const [index, result] of results.entries()) {
      if (result.status === "fulfilled") exchanged.push(result.value);
      else failures.push(`${batch[index]?.name ?? ""}: ${messageOf(result.reason)}`);
    }
    const isBorne = failures.length / steps.length <= policy.maxFailureRatio;
    if (!isBorne && policy.failureAction !== "continue") break;
  }
  const isRolledBack =
    failures.length / steps.length > policy.maxFailureRatio && policy.failureAction === "rollback";
  if (isRolledBack) {
    for (const each of exchanged.toReversed()) await putBack(each, rolling, parts);
  } else {
    await Promise.all(exchanged.map((each) => finish(each, parts)));
  }
  if (failures.length > 0) throw failureOf(rolling.serviceName, failures, isRolledBack);
  return exchanged.map(({ id, step }) => ({ id, name: step.name, hasRun: true }));
}

/** Runs what is to run before a new container's start. */
type PreStartRunner = (step: RollingStep, id: string) => Promise<void>;

/** The service's own hooks run once, for the first container that comes; all others wait for them. */
function preStartOf(
  steps: readonly RollingStep[],
  { project, serviceName, service, made }: Rolling,
  parts: ActParts,
): PreStartRunner {
  const due = plannedHooks(service, steps);
  const run = (hooks: readonly DueHook[], name: string, id: string): Promise<void> =>
    runPreStart(
      hooks.map((hook) => ({ ...hook, before: [name] })),
      new Map([[name, { id }]]),
      { project, serviceName, service, made },
      parts,
    );
  let first: Promise<void> | undefined;
  return async ({ name }, id) => {
    first ??= run(
      due.filter(({ hook }) => !hook.per_replica),
      name,
      id,
    );
    await first;
    await run(
      due.filter(({ hook }) => hook.per_replica),
      name,
      id,
    );
  };
}

function failureOf(
  serviceName: string,
  failures: readonly string[],
  isRolledBack: boolean,
): FailedPreconditionError {
  const end = isRolledBack ? "what was there before runs on" : "the others stay as they are";
  return new FailedPreconditionError(
    `services.${serviceName}: the update failed, ${end}: ${failures.join("; ")}`,
  );
}

async function exchange(
  step: RollingStep,
  policy: RollingPolicy,
  rolling: Rolling & { readonly preStart: PreStartRunner },
  parts: ActParts,
): Promise<string> {
  const { service, project, timeoutSeconds } = rolling;
  const { current, name } = step;
  const report = (status: string): void => parts.onProgress({ kind: "Container", name, status });
  report("Updating");
  const isStartFirst = policy.order === "start-first";
  const isHandedOver = isStartFirst && rolling.handsOver;
  let wanted: JsonObject = {};
  const alter = (body: JsonObject): JsonObject => {
    wanted = body;
    return isHandedOver ? withoutShared(body) : body;
  };
  if (!isStartFirst) await stopOf(service, current, timeoutSeconds, parts, { isQuiet: true });
  const creation = { project, service, step, current, made: rolling.made, alter };
  let id: string | undefined;
  try {
    id = await createContainer(creation, parts, rolling);
    await injectFileObjects(project, service, id, parts);
    await rolling.preStart(step, id);
    await parts.engine.send("POST", `/containers/${id}/start`);
    await runHooks(service.post_start ?? [], id, parts);
    await awaitReady(id, policy, parts);
    report("Healthy");
    if (isHandedOver) await handOver(id, current.id, wanted, parts);
  } catch (error) {
    const quiet = { withVolumes: false, isQuiet: true };
    if (id !== undefined) await removeContainer({ id, name }, quiet, parts);
    if (!isStartFirst) await parts.engine.send("POST", `/containers/${current.id}/start`);
    report("Error");
    throw error;
  }
  if (isStartFirst) {
    if (isHandedOver) await pause(DRAIN_MS, parts);
    await stopOf(service, current, timeoutSeconds, parts, { isQuiet: true });
  }
  report("Updated");
  return id;
}

/** Healthy, and so for as long as it is watched. */
async function awaitReady(
  id: string,
  { monitorMs }: RollingPolicy,
  parts: ActParts,
): Promise<void> {
  if (parts.isDryRun) return;
  await awaitHealthy(id, parts);
  if (monitorMs === 0) return;
  await pause(monitorMs, parts);
  await awaitHealthy(id, parts);
}

/** What only one of two containers can have, or what would bring clients to one that is not ready. */
function withoutShared(body: JsonObject): JsonObject {
  const endpoints = Object.entries(endpointsOf(body)).map(([network, settings]) => {
    const { Aliases: _, ...rest } = objectOf(settings);
    return [network, rest] as const;
  });
  return {
    ...body,
    HostConfig: { ...objectOf(body["HostConfig"]), PortBindings: {} },
    NetworkingConfig: { EndpointsConfig: Object.fromEntries(endpoints) },
  };
}

async function handOver(
  id: string,
  oldId: string,
  wanted: JsonObject,
  { engine }: ActParts,
): Promise<void> {
  await engine.send("POST", `/containers/${id}/update`, {
    json: {
      AddPortBindings: objectOf(wanted["HostConfig"])["PortBindings"] ?? {},
      Endpoints: aliasesOf(endpointsOf(wanted)),
      TakeOverFrom: oldId,
    },
  });
}

function aliasesOf(endpoints: JsonObject): JsonObject {
  const aliases = Object.entries(endpoints).map(([network, settings]): [string, JsonObject] => [
    network,
    { Aliases: objectOf(settings)["Aliases"] ?? [] },
  ]);
  return Object.fromEntries(aliases);
}

/** The old container runs again, with its ports and names, and the new one goes. */
async function putBack(
  { step, id, details }: Exchanged,
  rolling: Rolling,
  parts: ActParts,
): Promise<void> {
  const { current, name } = step;
  const report = (status: string): void => parts.onProgress({ kind: "Container", name, status });
  report("Rolling back");
  const isStartFirst = rollingPolicy(rolling.service).order === "start-first";
  const now: ObservedContainer = { ...current, id, state: "running" };
  const stop = (): Promise<void> =>
    stopOf(rolling.service, now, rolling.timeoutSeconds, parts, { isQuiet: true });
  if (!isStartFirst) await stop();
  await parts.engine.send("POST", `/containers/${current.id}/start`);
  await awaitHealthy(current.id, parts);
  if (isStartFirst && rolling.handsOver && details) {
    const { hostConfig, endpoints } = details;
    const before = { HostConfig: hostConfig, NetworkingConfig: { EndpointsConfig: endpoints } };
    await handOver(current.id, id, before, parts);
    await pause(DRAIN_MS, parts);
  }
  if (isStartFirst) await stop();
  await removeContainer({ id, name }, { withVolumes: false, isQuiet: true }, parts);
  report("Rolled back");
}

async function finish({ step, id }: Exchanged, parts: ActParts): Promise<void> {
  await takePlace(step.current, { id, name: step.name }, parts);
}

function endpointsOf(body: JsonObject): JsonObject {
  return objectOf(objectOf(body["NetworkingConfig"])["EndpointsConfig"]);
}

function objectOf(value: Json | undefined): JsonObject {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as JsonObject) : {};
}

async function pause(ms: number, { signal, isDryRun }: ActParts): Promise<void> {
  if (ms === 0 || isDryRun) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const onAbort = (): void => reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}
