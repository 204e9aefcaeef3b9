import { LABEL } from "#compose/labels.ts";
import type { PreStartHook, Project, Service } from "#compose/model/project.ts";
import { type ContainerRequest, containerRequest } from "./container-request.ts";
import type { Json, JsonObject } from "./json.ts";
import { ownNameOnly } from "./one-off.ts";
import type { ContainerStep } from "./plan-up.ts";

/*
 * Hooks of `pre_start` are containers of their own that run to their end, in order, before the service's start.
 * Source: compose-spec, 05-services.md, "pre_start". They run for what has never run: whether it has is a
 * container's own state, so nothing else is kept. A hook of the service runs where no container of it has run
 * as the file says it now; scaling up runs none. One with `per_replica` runs for each container that is new.
 */

/** One hook that is to run. */
export interface DueHook {
  /** In the file, from 0. */
  readonly index: number;
  readonly hook: PreStartHook;
  /** What to run it for, each with its volumes. */
  readonly before: readonly string[];
}

/**
 * @param containers Of the service, as they will be: by name, in order, with whether they ran before.
 * @returns In the order in which they run.
 */
export function dueHooks(
  { pre_start: hooks = [] }: Service,
  containers: readonly { readonly name: string; readonly hasRun: boolean }[],
): readonly DueHook[] {
  const fresh = containers.filter(({ hasRun }) => !hasRun).map(({ name }) => name);
  const isFirst = fresh.length === containers.length;
  return hooks.flatMap((hook, index): DueHook[] => {
    const before = hook.per_replica ? fresh : isFirst ? fresh.slice(0, 1) : [];
    return before.length === 0 ? [] : [{ index, hook, before }];
  });
}

/** The hooks that `up` runs for what it plans for a service. */
export function plannedHooks(
  service: Service,
  steps: readonly ContainerStep[],
): readonly DueHook[] {
  const containers = steps
    .filter(({ action }) => action !== "remove")
    .map((step) => ({
      name: step.name,
      hasRun:
        (step.action === "keep" || step.action === "restart") && step.current.state !== "created",
    }));
  return dueHooks(service, containers);
}

/**
 * Its container's name: one at a time has it.
 *
 * @param before The container that it runs before.
 */
export function hookName(project: Project, service: string, due: DueHook, before: string): string {
  const { separator = "-" } = project;
  const owner = due.hook.per_replica ? before : [project.name, service].join(separator);
  return [owner, "pre_start", due.index].join(separator);
}

export interface PreStartRequest
  extends Pick<
    ContainerRequest,
    "project" | "serviceName" | "service" | "containerOf" | "containerName" | "version" | "proxies"
  > {
  readonly due: DueHook;
  /** The service's. */
  readonly image: string;
  /** Id of the container that it runs before: its volumes are the hook's. */
  readonly sharedWith: string;
}

/** The body of `POST /containers/create` for a hook. Pure. */
export function preStartRequest(request: PreStartRequest): JsonObject {
  const { project, serviceName, containerName, due, sharedWith } = request;
  const body = containerRequest({
    ...request,
    service: serviceOf(request),
    number: 0,
    configHash: "",
    imageId: undefined,
  });
  const hostConfig = body["HostConfig"];
  return {
    ...body,
    Labels: {
      [LABEL.project]: project.name,
      [LABEL.service]: serviceName,
      [LABEL.version]: request.version,
      [LABEL.hook]: "pre_start",
      [LABEL.hookIndex]: String(due.index),
    },
    HostConfig: {
      ...(hostConfig as JsonObject),
      VolumesFrom: [sharedWith],
      RestartPolicy: { Name: "no" } satisfies Json,
    },
    ...ownNameOnly(body, containerName),
  };
}

/** What a hook has of its service: who it is and whom it reaches, not what only one can have. */
function serviceOf({ service, due: { hook }, image }: PreStartRequest): Service {
  const { extra_hosts, dns, dns_search, dns_opt, network_mode, networks, platform } = service;
  const user = hook.user ?? (hook.image === undefined ? service.user : undefined);
  const workingDirectory = hook.working_dir ?? service.working_dir;
  const environment = new Map([...(service.environment ?? []), ...(hook.environment ?? [])]);
  return {
    ...{ image: hook.image ?? image, environment, privileged: hook.privileged ?? false },
    ...(hook.command ? { command: hook.command } : {}),
    ...(user === undefined ? {} : { user }),
    ...(workingDirectory === undefined ? {} : { working_dir: workingDirectory }),
    ...(extra_hosts === undefined ? {} : { extra_hosts }),
    ...(dns === undefined ? {} : { dns }),
    ...(dns_search === undefined ? {} : { dns_search }),
    ...(dns_opt === undefined ? {} : { dns_opt }),
    ...(network_mode === undefined ? {} : { network_mode }),
    ...(networks === undefined ? {} : { networks: withoutAddresses(networks) }),
    ...(platform === undefined ? {} : { platform }),
  };
}

function withoutAddresses(networks: NonNullable<Service["networks"]>): Service["networks"] & {} {
  return new Map(
    [...networks].map(([key, settings]) => [
      key,
      settings?.priority === undefined ? null : { priority: settings.priority },
    ]),
  );
}
