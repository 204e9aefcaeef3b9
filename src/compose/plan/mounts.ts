import { resolve } from "node:path";
import type { Project, Service, ServiceMount } from "#compose/model/project.ts";
import { DOCKER_SOCKET } from "#compose/outside/api-socket.ts";
import type { JsonObject } from "./json.ts";

export interface Mounts {
  /** `SOURCE:TARGET:MODE`. */
  readonly binds: readonly string[];
  readonly mounts: readonly JsonObject[];
}

/**
 * A service's mounts for the Engine API: `Binds` where docker compose has them, `Mounts` else. Configs and secrets
 * that are files are bound, read-only.
 *
 * @param inherited Volumes of the container before, by target, for mounts without a source.
 */
export function mountsOf(
  project: Project,
  service: Service,
  inherited: ReadonlyMap<string, string>,
): Mounts {
  const binds: string[] = [];
  const mounts: JsonObject[] = [];
  for (const asked of service.volumes ?? []) {
    const mount = service.use_api_socket === true ? ofEngine(project, asked) : asked;
    const bind = asBind(project, mount);
    if (bind === undefined) mounts.push(asMount(project, mount, inherited));
    else binds.push(bind);
  }
  for (const { source = "", target } of service.secrets ?? []) {
    const file = project.secrets.get(source)?.file;
    if (file === undefined) continue;
    const path = resolve("/run/secrets", target ?? source);
    mounts.push(fileMount(file, path));
  }
  for (const { source = "", target } of service.configs ?? []) {
    const file = project.configs.get(source)?.file;
    if (file !== undefined) mounts.push(fileMount(file, resolve("/", target ?? source)));
  }
  return { binds, mounts };
}

/** Docker's socket stands for the one of the engine that is used. */
function ofEngine({ apiSocketPath }: Project, mount: ServiceMount): ServiceMount {
  const isSocket = mount.source === DOCKER_SOCKET && mount.target === DOCKER_SOCKET;
  return isSocket && apiSocketPath !== undefined ? { ...mount, source: apiSocketPath } : mount;
}

function fileMount(source: string, target: string): JsonObject {
  return { Type: "bind", Source: source, Target: target, ReadOnly: true, BindOptions: {} };
}

/** @returns Undefined for what `Binds` cannot say. */
function asBind(project: Project, mount: ServiceMount): string | undefined {
  const { type, source, target = "", read_only: isReadOnly, bind, volume } = mount;
  if (source === undefined) return undefined;
  const mode = [isReadOnly ? "ro" : "rw"];
  if (type === "bind") {
    if (bind?.create_host_path === false || bind?.recursive !== undefined) return undefined;
    if (bind?.selinux !== undefined) mode.push(bind.selinux);
    if (bind?.propagation !== undefined) mode.push(bind.propagation);
    return `${source}:${target}:${mode.join(",")}`;
  }
  if (type !== "volume" || volume?.subpath !== undefined || volume?.labels) return undefined;
  if (volume?.nocopy) mode.push("nocopy");
  return `${project.volumes.get(source)?.name ?? source}:${target}:${mode.join(",")}`;
}

function asMount(
  project: Project,
  mount: ServiceMount,
  inherited: ReadonlyMap<string, string>,
): JsonObject {
  const { type = "volume", source, target = "", read_only: isReadOnly, consistency } = mount;
  const named = source === undefined ? inherited.get(target) : nameOf(project, type, source);
  return {
    Type: type,
    Target: target,
    ...(named === undefined ? {} : { Source: named }),
    ...(isReadOnly ? { ReadOnly: true } : {}),
    ...(consistency === undefined ? {} : { Consistency: consistency }),
    ...optionsOf(mount),
  };
}

function nameOf(project: Project, type: string, source: string): string {
  return type === "volume" ? (project.volumes.get(source)?.name ?? source) : source;
}

function optionsOf({ type, bind, volume, tmpfs, image }: ServiceMount): JsonObject {
  switch (type) {
    case "bind":
      return {
        BindOptions: {
          ...(bind?.propagation === undefined ? {} : { Propagation: bind.propagation }),
          ...(bind?.create_host_path ? { CreateMountpoint: true } : {}),
          ...recursive(bind?.recursive),
        },
      };
    case "tmpfs":
      return {
        TmpfsOptions: {
          ...(tmpfs?.size === undefined ? {} : { SizeBytes: tmpfs.size }),
          ...(tmpfs?.mode === undefined ? {} : { Mode: tmpfs.mode }),
        },
      };
    case "image":
      return image?.subpath === undefined ? {} : { ImageOptions: { Subpath: image.subpath } };
    default:
      return {
        VolumeOptions: {
          ...(volume?.nocopy ? { NoCopy: true } : {}),
          ...(volume?.subpath === undefined ? {} : { Subpath: volume.subpath }),
          ...(volume?.labels ? { Labels: Object.fromEntries(volume.labels) } : {}),
        },
      };
  }
}

/** How far a bind's own mounts are read-only with it. */
function recursive(word: string | undefined): JsonObject {
  if (word === "disabled") return { NonRecursive: true };
  if (word === "writable") return { ReadOnlyNonRecursive: true };
  return word === "readonly" ? { ReadOnlyForceRecursive: true } : {};
}
