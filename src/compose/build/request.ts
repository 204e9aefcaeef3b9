import { InvalidArgumentError, NotFoundError, UnsupportedError } from "#base/errors.ts";
import { LABEL } from "#compose/labels.ts";
import type { Build, Project, Service, Ulimit } from "#compose/model/project.ts";
import { type BuildTarget, imageOf, isRemoteContext } from "./targets.ts";

/** What the command line adds to every build. */
export interface BuildOptions {
  /** `NAME` takes its value from the environment, `NAME=value` has it. */
  readonly args: readonly string[];
  /** Of the user, below what the file says. */
  readonly proxies?: ReadonlyMap<string, string>;
  readonly isUncached: boolean;
  readonly pulls: boolean;
  readonly memoryBytes: number;
  /** Ids of agents, each with a socket's path; empty for the user's own agent. */
  readonly ssh: ReadonlyMap<string, string>;
  /** One platform alone can be started: that of the service. */
  readonly isForStart: boolean;
  /** Of this tool, for the label. */
  readonly version: string;
}

/** A build as `POST /build` has it, and what goes beside it. */
export interface BuildRequest {
  readonly query: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** `NAME` to an image or a URL. */
  readonly contexts: ReadonlyMap<string, string>;
  /** `NAME` to a folder of this host. */
  readonly folders: ReadonlyMap<string, string>;
  readonly secrets: ReadonlyMap<string, SecretPlace>;
  readonly ssh: ReadonlyMap<string, string>;
  readonly entitlements: readonly string[];
  /** Keys that mean nothing here, to be said. */
  readonly unused: readonly string[];
}

/** Where a secret's content is. */
export type SecretPlace =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "text"; readonly text: string };

/**
 * What is asked of the engine for one service. Pure.
 *
 * @throws {UnsupportedError} A key that cannot be carried out. {InvalidArgumentError} One that contradicts another.
 */
export function buildRequest(
  project: Project,
  target: BuildTarget,
  options: BuildOptions,
): BuildRequest {
  const { name, build, image } = target;
  refuse(name, build);
  const optional = (text: string | undefined): string | undefined => text || undefined;
  const args = buildArguments(project, build, options);
  const cacheFrom = build.cache_from ?? [];
  const memory = options.memoryBytes > 0 ? String(options.memoryBytes) : undefined;
  const all = namedContexts(project, build);
  const isFolder = ([, value]: readonly [string, string]): boolean => !isPlace(value);
  return {
    query: {
      t: [...(build.tags ?? []), image],
      rm: "1",
      nocache: options.isUncached || build.no_cache === true ? "1" : undefined,
      pull: options.pulls || build.pull === true ? "1" : undefined,
      target: optional(build.target),
      platform: optional(platformOf(project, target, options)),
      networkmode: build.network ?? "default",
      extrahosts: [...(build.extra_hosts ?? [])].flatMap(([host, addresses]) =>
        addresses.map((address) => `${host}:${address}`),
      ),
      shmsize: build.shm_size === undefined ? undefined : String(build.shm_size),
      memory,
      ulimits: build.ulimits ? JSON.stringify([...build.ulimits].map(ulimitOf)) : undefined,
      buildargs: args.size > 0 ? JSON.stringify(Object.fromEntries(args)) : undefined,
      labels: JSON.stringify(labelsOf(project, name, build, options.version)),
      cachefrom: cacheFrom.length > 0 ? JSON.stringify(cacheFrom) : undefined,
    },
    contexts: new Map(all.filter((entry) => !isFolder(entry))),
    folders: new Map(all.filter(isFolder)),
    secrets: secretsOf(project, target),
    ssh: sshOf(build, options.ssh),
    entitlements: [
      ...(build.entitlements ?? []),
      ...(build.privileged ? ["security.insecure"] : []),
    ],
    unused: (build.cache_to ?? []).length > 0 ? [`services.${name}.build.cache_to`] : [],
  };
}

/** The service's own labels, under those that tell whose the image is. */
export function labelsOf(
  project: Project,
  name: string,
  { labels }: Build,
  version: string,
): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(labels ?? []),
    [LABEL.project]: project.name,
    [LABEL.service]: name,
    [LABEL.version]: version,
  };
}

function refuse(name: string, build: Build): void {
  const at = `services.${name}.build`;
  if (build.isolation !== undefined && build.isolation !== "default") {
    throw new UnsupportedError(`${at}.isolation: only Windows containers have it`);
  }
  for (const key of ["provenance", "sbom"] as const) {
    const value = build[key];
    if (value === undefined || value === "" || value === "false") continue;
    throw new UnsupportedError(`${at}.${key}: attestations cannot be made`);
  }
}

/** The file's, under those of the command line; a name without a value takes the environment's, or is left out. */
export function buildArguments(
  project: Project,
  { args }: Build,
  { args: given, proxies }: Pick<BuildOptions, "args" | "proxies">,
): ReadonlyMap<string, string> {
  const found = new Map(proxies);
  const set = (name: string, value: string | null | undefined): void => {
    const known = value ?? project.environment.get(name);
    if (known !== undefined) found.set(name, known);
  };
  for (const [name, value] of args ?? []) set(name, value);
  for (const each of given) {
    const at = each.indexOf("=");
    if (at < 0) set(each, undefined);
    else set(each.slice(0, at), each.slice(at + 1));
  }
  return found;
}

function ulimitOf([name, limit]: readonly [string, Ulimit]): object {
  const { soft = 0, hard = 0 } = typeof limit === "number" ? { soft: limit, hard: limit } : limit;
  return { Name: name, Soft: soft, Hard: hard };
}

/** @throws {InvalidArgumentError} The service is for a platform that is not built. */
export function platformOf(
  project: Project,
  { name, service, build }: BuildTarget,
  { isForStart }: Pick<BuildOptions, "isForStart">,
): string | undefined {
  const platforms = build.platforms ?? [];
  const asked = project.environment.get("DOCKER_DEFAULT_PLATFORM");
  const chosen = asked ?? service.platform;
  if (chosen !== undefined && platforms.length > 0 && !platforms.includes(chosen)) {
    const what = asked === undefined ? "service.platform" : "DOCKER_DEFAULT_PLATFORM";
    const list = platforms.map((one) => JSON.stringify(one)).join(" ");
    throw new InvalidArgumentError(
      `services.${name}: ${what} ${JSON.stringify(chosen)} should be part of the service.build.platforms: [${list}]`,
    );
  }
  if (isForStart || platforms.length === 0) return chosen;
  return platforms.join(",");
}

/** Contexts by name, those of services as the images that they are. */
function namedContexts(project: Project, build: Build): readonly (readonly [string, string])[] {
  return [...(build.additional_contexts ?? [])].map(([name, value]): [string, string] => {
    if (!value.startsWith("service:")) return [name, value];
    const other = value.slice("service:".length);
    const service: Service | undefined =
      project.services.get(other) ?? project.disabledServices.get(other);
    if (service) return [name, `docker-image://${imageOf(project, other, service)}`];
    throw new NotFoundError(`additional_contexts.${name}: no such service: ${other}`);
  });
}

/** What is no folder of this host. */
function isPlace(value: string): boolean {
  return /^(?:docker-image|oci-layout|target):/.test(value) || isRemoteContext(value);
}

function secretsOf(
  project: Project,
  { name, build }: BuildTarget,
): ReadonlyMap<string, SecretPlace> {
  return new Map(
    (build.secrets ?? []).map(({ source = "", target }): [string, SecretPlace] => {
      const secret = project.secrets.get(source);
      const id = target || source;
      if (secret?.file !== undefined) return [id, { kind: "file", path: secret.file }];
      const variable = secret?.environment;
      const text = variable === undefined ? secret?.content : project.environment.get(variable);
      if (text !== undefined) return [id, { kind: "text", text }];
      throw new InvalidArgumentError(
        `services.${name}.build.secrets: ${source} has no content: ${
          variable === undefined ? "it is external" : `${variable} is not set`
        }`,
      );
    }),
  );
}

function sshOf(build: Build, given: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const own = [...(build.ssh ?? [])].map(([id, path]): [string, string] => [id, path ?? ""]);
  return new Map([...own, ...given]);
}
