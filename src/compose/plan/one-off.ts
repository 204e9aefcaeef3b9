import { LABEL } from "#compose/labels.ts";
import { serviceHash } from "#compose/model/hash.ts";
import type { Service, ServiceMount, ServicePort } from "#compose/model/project.ts";
import { type ContainerRequest, containerRequest } from "./container-request.ts";
import type { Json, JsonObject } from "./json.ts";

/** What `run` says over a service. */
export interface OneOffOptions {
  /** None for the service's own. */
  readonly command: readonly string[];
  readonly entrypoint: readonly string[] | undefined;
  /** Over the service's own; null leaves to the engine what the client has no value for. */
  readonly environment: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  readonly user: string | undefined;
  readonly workingDirectory: string | undefined;
  readonly mounts: readonly ServiceMount[];
  readonly ports: readonly ServicePort[];
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** The ports of the service, else none but those named. */
  readonly withServicePorts: boolean;
  readonly hasTerminal: boolean;
  readonly isInteractive: boolean;
}

/** A service as one command of it runs: once, without its ports. Pure. */
export function oneOffService(service: Service, options: OneOffOptions): Service {
  const { entrypoint, command, user, workingDirectory, capAdd, capDrop } = options;
  const { restart: _restart, container_name: _name, ports = [], ...kept } = service;
  const without = (list: readonly string[] | undefined, gone: readonly string[]) =>
    (list ?? []).filter((one) => !gone.includes(one));
  return {
    ...kept,
    ...(entrypoint === undefined ? {} : { entrypoint, command: [] }),
    ...(command.length > 0 ? { command } : {}),
    ...(user === undefined ? {} : { user }),
    ...(workingDirectory === undefined ? {} : { working_dir: workingDirectory }),
    cap_add: [...without(service.cap_add, capDrop), ...capAdd],
    cap_drop: [...without(service.cap_drop, capAdd), ...capDrop],
    environment: new Map([...(service.environment ?? []), ...options.environment]),
    labels: new Map([...(service.labels ?? []), ...options.labels]),
    ports: options.withServicePorts ? ports : options.ports,
    volumes: [
      ...(service.volumes ?? []).filter(
        ({ target }) => !options.mounts.some((mount) => mount.target === target),
      ),
      ...options.mounts,
    ],
    tty: options.hasTerminal,
    stdin_open: options.isInteractive,
  };
}

export interface OneOffContainer extends Omit<ContainerRequest, "number" | "configHash"> {
  /** 64 hex digits. */
  readonly slug: string;
  /** The service's names on its networks are this container's, too. */
  readonly usesAliases: boolean;
  /** The engine removes it when it ends. */
  readonly isRemoved: boolean;
}

/** The body of `POST /containers/create` for a container of `run`, as docker compose v2.40 has it. Pure. */
export function oneOffRequest(container: OneOffContainer): JsonObject {
  const { service, slug, usesAliases, isRemoved, containerName } = container;
  const configHash = serviceHash(service);
  const body = containerRequest({ ...container, number: 0, configHash });
  const { [LABEL.number]: _number, ...labels } = objectAt(body, "Labels");
  return {
    ...body,
    AttachStdin: service.stdin_open ?? false,
    StdinOnce: service.stdin_open ?? false,
    Labels: { ...labels, [LABEL.oneOff]: "True", [LABEL.slug]: slug },
    HostConfig: {
      ...objectAt(body, "HostConfig"),
      RestartPolicy: { Name: "no" },
      AutoRemove: isRemoved,
    },
    ...(usesAliases ? {} : ownNameOnly(body, containerName)),
  };
}

function objectAt(body: JsonObject, key: string): JsonObject {
  const value = body[key];
  return isObject(value) ? value : {};
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** It has its own name alone. */
export function ownNameOnly(body: JsonObject, name: string): JsonObject {
  const { NetworkingConfig: networking } = body;
  if (!isObject(networking)) return {};
  const endpoints = Object.entries(objectAt(networking, "EndpointsConfig")).map(
    ([network, endpoint]) => [
      network,
      { ...(isObject(endpoint) ? endpoint : {}), Aliases: [name] },
    ],
  );
  return { NetworkingConfig: { EndpointsConfig: Object.fromEntries(endpoints) } };
}
