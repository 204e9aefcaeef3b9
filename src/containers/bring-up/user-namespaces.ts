import { readFileSync } from "node:fs";
import { ConflictError, FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import { formatIdRanges, type IdMappings, toHostId } from "#base/id-mappings.ts";
import type { UserNamespace } from "#host/namespaces.ts";
import { type HostConfig, joinedContainer } from "#spec/engine-api/host-config.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { statusWord } from "#containers/transitions.ts";

/*
 * With the engine's `--userns-remap`, root in a container is nobody special on the host. What a container
 * writes is kept on disk with the ids that the container knows, in layers and volumes: overlayfs gets its layers,
 * and the container its volumes, through mounts that map the owners. So images and volumes are the same for
 * containers with and without a user namespace, and nothing is changed on disk when the setting is.
 */

/**
 * Id on disk that stands for the engine's own root. overlayfs makes whiteouts and files under way as the one who
 * mounted it, whom a mount that maps owners must know; no container can have this id.
 */
const ENGINE_DISK_ID = 2 ** 32 - 3;

type RemapSettings = Pick<ContainerParts, "settings">;

/** The ids of a container's user namespace; undefined where it has the host's. */
export function mappingsOf(
  { settings }: RemapSettings,
  hostConfig: Pick<HostConfig, "UsernsMode">,
): IdMappings | undefined {
  return hostConfig.UsernsMode === "host" ? undefined : settings.idMappings;
}

/** Who root of the container is on the host. */
export function rootOwner(
  parts: RemapSettings,
  hostConfig: Pick<HostConfig, "UsernsMode">,
): { readonly uid: number; readonly gid: number } {
  const mappings = mappingsOf(parts, hostConfig);
  return {
    uid: (mappings && toHostId(mappings.users, 0)) ?? 0,
    gid: (mappings && toHostId(mappings.groups, 0)) ?? 0,
  };
}

/** @throws {InvalidArgumentError} Docker's refusals of what would undo the mapping. */
export function checkRemapped(parts: RemapSettings, hostConfig: HostConfig): void {
  if (!mappingsOf(parts, hostConfig)) return;
  if (hostConfig.Privileged) {
    throw new InvalidArgumentError(
      "privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode",
    );
  }
  if (hostConfig.NetworkMode === "host") {
    throw new InvalidArgumentError(
      "cannot share the host's network namespace when user namespaces are enabled",
    );
  }
  if (hostConfig.PidMode === "host") {
    throw new InvalidArgumentError(
      "cannot share the host PID namespace when user namespaces are enabled",
    );
  }
}

/** For mounts: as the container's, and the engine's own root beside. */
export function diskMappings({ users, groups }: IdMappings): IdMappings {
  const engine = { containerId: ENGINE_DISK_ID, hostId: 0, size: 1 };
  return { users: [...users, engine], groups: [...groups, engine] };
}

/** The user namespace of a container about to start. Disposed when the container's process is in it. */
export interface StartingUsers extends Disposable {
  readonly mappings: IdMappings;
  /** Makes the namespace together with the network namespace at `path`, which it owns. */
  makeNetwork(path: string): Promise<void>;
  /** For the runtime to join. */
  path(): Promise<string>;
}

export type UsersParts = Pick<
  ContainerParts,
  "mappingNamespaces" | "namespaces" | "registry" | "settings"
>;

/**
 * @returns Undefined for a container in the host's user namespace.
 * @throws {ConflictError} A container to join does not run. {FailedPreconditionError} It has other ids.
 */
export function openUsers(parts: UsersParts, record: ContainerRecord): StartingUsers | undefined {
  const mappings = mappingsOf(parts, record.hostConfig);
  if (!mappings) return undefined;
  const joined = joinedUsersPath(parts, record, mappings);
  let own: UserNamespace | undefined;
  return {
    mappings,
    makeNetwork: async (networkPath) => {
      own = await parts.namespaces.openUser(mappings, {
        networkPath,
        ...(joined === undefined ? {} : { joinedPath: joined }),
      });
    },
    path: async () => {
      if (joined !== undefined) return joined;
      own ??= await parts.namespaces.openUser(mappings);
      return own.path;
    },
    [Symbol.dispose]: () => own?.[Symbol.dispose](),
  };
}

/** Rights over a network, IPC or PIDs are those in the user namespace that owns them: it is shared too. */
function joinedUsersPath(
  parts: UsersParts,
  { hostConfig }: ContainerRecord,
  mappings: IdMappings,
): string | undefined {
  const { NetworkMode, IpcMode, PidMode } = hostConfig;
  const paths = [NetworkMode, IpcMode, PidMode].flatMap((mode): string[] => {
    const reference = joinedContainer(mode);
    const target = reference === undefined ? undefined : parts.registry.tryResolve(reference);
    if (!target) return []; // refused by name where it is joined
    if (target.state.status !== "running") {
      throw new ConflictError(
        `cannot join a non running container: container ${target.name} is ${statusWord(target.state)}`,
      );
    }
    const folder = `/proc/${target.state.process.pid}`;
    if (hasMappings(folder, mappings)) return [`${folder}/ns/user`];
    throw new FailedPreconditionError(
      `cannot join the namespaces of container ${target.name}: it has another user namespace; use --userns host for both, or start it again`,
    );
  });
  return paths[0];
}

function hasMappings(folder: string, { users, groups }: IdMappings): boolean {
  const shown = (name: string): string =>
    readFileSync(`${folder}/${name}`, "utf8").replaceAll(/^ +/gm, "").replaceAll(/ +/g, " ");
  return shown("uid_map") === formatIdRanges(users) && shown("gid_map") === formatIdRanges(groups);
}
