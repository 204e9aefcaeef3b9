import { JsonReader } from "#base/json-reader.ts";
import { readDevices } from "#containers/oci-spec/host-devices.ts";
import type { SpecHost } from "#containers/oci-spec/input.ts";
import { planOciSpec } from "#containers/oci-spec/plan.ts";
import type { SeccompProfile } from "#containers/oci-spec/seccomp.ts";
import { readContainerConfig } from "#spec/engine-api/container-config.ts";
import { DOCKER_DEFAULTS } from "#spec/engine-api/host-config.ts";
import { readHostConfig } from "#spec/engine-api/read-host-config.ts";
import type { Mount, Spec } from "#spec/oci-runtime.ts";
import type { ManagedPluginRecord } from "./managed-plugin.ts";
import { type PluginPaths, SOCKETS_IN_PLUGIN } from "./paths.ts";

export interface PluginSpecRequest {
  readonly plugin: ManagedPluginRecord;
  readonly paths: PluginPaths;
  readonly host: SpecHost;
  readonly cgroupPath: string;
  readonly seccompProfile?: SeccompProfile;
}

/**
 * A plugin is a container with what its configuration asks for: capabilities, devices, mounts, name spaces of the
 * host. Its mounts go to the runtime as they are written, as in Docker.
 *
 * @throws {InvalidArgumentError} What of it cannot be.
 */
export function planPluginSpec(request: PluginSpecRequest): Spec {
  const { plugin, paths, host } = request;
  const { config, settings } = plugin;
  const user = `${config.User.UID ?? 0}:${config.User.GID ?? 0}`;
  const containerConfig = readContainerConfig(
    JsonReader.of({
      Hostname: plugin.id.slice(0, 12),
      User: user,
      Env: settings.Env,
      WorkingDir: config.WorkDir,
    }),
  );
  const hostConfig = readHostConfig(
    JsonReader.of({
      CapAdd: config.Linux.Capabilities ?? [],
      Devices: settings.Devices.map(({ Path }) => ({
        PathOnHost: Path,
        PathInContainer: Path,
        CgroupPermissions: "rwm",
      })),
      DeviceCgroupRules: config.Linux.AllowAllDevices ? ["a *:* rwm"] : [],
      NetworkMode: config.Network.Type === "" ? "none" : "host",
      PidMode: config.PidHost ? "host" : "",
      IpcMode: config.IpcHost ? "host" : "private",
    }),
    DOCKER_DEFAULTS,
  );
  const spec = planOciSpec({
    containerId: plugin.id,
    config: containerConfig,
    hostConfig,
    args: [...config.Entrypoint, ...settings.Args],
    user: {
      uid: config.User.UID ?? 0,
      gid: config.User.GID ?? 0,
      additionalGids: [],
      home: "/",
    },
    rootPath: paths.root,
    mounts: [
      {
        kind: "bind",
        source: paths.sockets,
        destination: SOCKETS_IN_PLUGIN,
        readOnly: false,
        propagation: "rprivate",
        options: [],
      },
      ...propagatedMount(config.PropagatedMount, paths),
    ],
    files: {
      hostnamePath: `${paths.directory}/hostname`,
      hostsPath: `${paths.directory}/hosts`,
      resolvConfPath: `${paths.directory}/resolv.conf`,
    },
    joined: {},
    cgroupPath: request.cgroupPath,
    ...(request.seccompProfile ? { defaultSeccompProfile: request.seccompProfile } : {}),
    devices: readDevices(hostConfig),
    deviceNumbers: new Map(),
    defaultUlimits: [],
    host,
  });
  const own = settings.Mounts.map(
    ({ Source, Destination, Type, Options }): Mount => ({
      destination: Destination,
      source: Source,
      type: Type,
      options: Options ?? [],
    }),
  );
  const mounts = [...(spec.mounts ?? []), ...own];
  const isAlone = config.Network.Type === "";
  const namespaces = [...(spec.linux?.namespaces ?? []), ...(isAlone ? [NEW_NETWORK] : [])];
  return { ...spec, mounts, linux: { ...spec.linux, namespaces } };
}

const NEW_NETWORK = { type: "network" } as const;

function propagatedMount(
  destination: string,
  paths: PluginPaths,
): readonly [Parameters<typeof planOciSpec>[0]["mounts"][number]] | readonly [] {
  if (destination === "") return [];
  return [
    {
      kind: "bind",
      source: paths.propagatedMount,
      destination,
      readOnly: false,
      propagation: "rshared",
      options: [],
    },
  ];
}
