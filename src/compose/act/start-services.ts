import { FailedPreconditionError } from "#base/errors.ts";
import type { Project, Service } from "#compose/model/project.ts";
import { dueHooks } from "#compose/plan/pre-start.ts";
import type { ActParts } from "./act-parts.ts";
import { awaitCompleted, awaitHealthy } from "./await-condition.ts";
import type { MadeContainer, MadeContainers } from "./carry-out.ts";
import { runHooks } from "./hooks.ts";
import { runPreStart } from "./pre-start.ts";

/** Services whose running containers give way to others, once what they depend on is so. */
export interface ExchangeContainers {
  readonly services: ReadonlySet<string>;
  readonly run: (service: string) => Promise<void>;
}

/**
 * Starts the containers, each service as soon as what it waits for is so; what runs stays as it is.
 *
 * @throws {FailedPreconditionError} What a service waits for will never be: it is unhealthy, or ended.
 */
export async function startServices(
  project: Project,
  made: MadeContainers,
  parts: ActParts,
  running: ReadonlySet<string>,
  exchange: ExchangeContainers = { services: new Set(), run: () => Promise.resolve() },
): Promise<void> {
  const started = new Map<string, Promise<void>>();
  const start = (name: string): Promise<void> => {
    const before = started.get(name);
    if (before) return before;
    const promise = startService(name);
    started.set(name, promise);
    return promise;
  };
  const startService = async (name: string): Promise<void> => {
    const service = project.services.get(name);
    if (!service) return;
    const stopped = (made.get(name) ?? []).filter(({ id }) => !running.has(id));
    await Promise.all(
      [...(service.depends_on ?? [])].map(async ([other, { condition, required }]) => {
        if (!project.services.has(other)) return;
        try {
          await start(other);
          if (stopped.length > 0 || exchange.services.has(name))
            await awaitCondition(other, condition ?? "service_started", made, parts);
        } catch (error) {
          if (required === false && error instanceof FailedPreconditionError) return;
          throw error;
        }
      }),
    );
    await runPreStartOf(project, name, { stopped, made }, parts);
    await Promise.all(
      stopped.map((container) => parts.slots.run(() => startOne(service, container, parts))),
    );
    if (exchange.services.has(name)) await exchange.run(name);
  };
  await Promise.all([...project.services.keys()].map(start));
}

/**
 * Waits for what a service of which no container is started here needs: a command of it is to run.
 *
 * @throws {FailedPreconditionError} It will never be.
 */
export async function awaitDependencies(
  service: Service,
  made: MadeContainers,
  parts: ActParts,
): Promise<void> {
  await Promise.all(
    [...(service.depends_on ?? [])].map(async ([other, { condition, required }]) => {
      try {
        await awaitCondition(other, condition ?? "service_started", made, parts);
      } catch (error) {
        if (required === false && error instanceof FailedPreconditionError) return;
        throw error;
      }
    }),
  );
}

async function runPreStartOf(
  project: Project,
  serviceName: string,
  { stopped, made }: { readonly stopped: readonly MadeContainer[]; readonly made: MadeContainers },
  parts: ActParts,
): Promise<void> {
  const service = project.services.get(serviceName);
  if (!service?.pre_start || stopped.length === 0) return;
  const due = dueHooks(service, made.get(serviceName) ?? []);
  const containers = new Map(stopped.map((container) => [container.name, container]));
  await runPreStart(due, containers, { project, serviceName, service, made }, parts);
}

async function awaitCondition(
  name: string,
  condition: string,
  made: MadeContainers,
  parts: ActParts,
): Promise<void> {
  const containers = made.get(name) ?? [];
  if (condition === "service_started") return;
  await Promise.all(
    containers.map(async (container) => {
      const report = (status: string): void =>
        parts.onProgress({ kind: "Container", name: container.name, status });
      report("Waiting");
      try {
        // in a dry run, nothing has been started that could be waited for
        if (!parts.isDryRun) await awaitIt(name, condition, container.id, parts);
      } catch (error) {
        report("Error");
        throw error;
      }
      report(condition === "service_healthy" ? "Healthy" : "Exited");
    }),
  );
}

async function awaitIt(
  service: string,
  condition: string,
  id: string,
  parts: ActParts,
): Promise<void> {
  if (condition === "service_healthy") await awaitHealthy(id, parts);
  else await awaitCompleted(service, id, parts);
}

async function startOne(
  service: Service,
  { id, name }: MadeContainer,
  parts: ActParts,
): Promise<void> {
  parts.onProgress({ kind: "Container", name, status: "Starting" });
  await parts.engine.send("POST", `/containers/${id}/start`);
  await runHooks(service.post_start ?? [], id, parts);
  parts.onProgress({ kind: "Container", name, status: "Started" });
}
