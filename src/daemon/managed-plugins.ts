import { join } from "node:path";
import { cgroupPathOf, specCgroupPath } from "#containers/bring-up/cgroup-path.ts";
import { parseSeccompProfile } from "#containers/oci-spec/seccomp.ts";
import type { Events } from "#events/events.ts";
import type { Host } from "#host/host.ts";
import type { LayerUnpacker } from "#images/unpack/process-unpacker.ts";
import { MANAGED_PLUGINS } from "#managed-plugins/managed-plugin.ts";
import { ManagedPlugins } from "#managed-plugins/managed-plugins.ts";
import { PluginProcesses } from "#managed-plugins/plugin-processes.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import { type OpenedRuntime, openRuntime, type RuntimeOptions } from "#runtime/open.ts";
import { syncFileSystem } from "#snapshots/sync-file-system.ts";
import { hostPlatform } from "#spec/platform.ts";
import type { RandomBytes } from "#spec/ids.ts";
import type { Store } from "#store/store.ts";
import type { TreeArchiver } from "#volumes/transfers.ts";
import type { EngineConfig } from "./config/engine-config.ts";

export interface ManagedPluginParts {
  readonly config: EngineConfig;
  readonly host: Host;
  readonly store: Store;
  readonly archiver: TreeArchiver;
  readonly registries: RegistryClient;
  readonly unpacker: LayerUnpacker;
  readonly events: Pick<Events, "publish">;
  readonly randomBytes: RandomBytes;
  readonly runtimeOptions: Omit<RuntimeOptions, "stateDir">;
  /** Docker's format; absent where plugins run without. */
  readonly seccompProfile: string | undefined;
  readonly countUses: (name: string) => number;
  readonly warn: (message: string) => void;
}

/** Opens the plugins that the engine runs, and brings up those that are enabled. */
export async function openManagedPlugins(
  parts: ManagedPluginParts,
): Promise<ManagedPlugins & AsyncDisposable> {
  const { config, host, store, events, seccompProfile } = parts;
  let opened: Promise<OpenedRuntime> | undefined;
  const stateDir = join(config.execRoot, "plugin-runtime");
  const cgroupSettings = {
    cgroupParent: config.containers.cgroupManager === "systemd" ? "system.slice" : "wharf",
    usesSystemdCgroups: config.containers.cgroupManager === "systemd",
  };
  const processes = new PluginProcesses({
    openRuntime: async () => {
      opened ??= openRuntime({ ...parts.runtimeOptions, stateDir });
      return (await opened).runtime;
    },
    mounts: host.mounts,
    clock: host.clock,
    host: specHostOf(host, cgroupSettings.usesSystemdCgroups),
    ...(seccompProfile === undefined
      ? {}
      : { seccompProfile: parseSeccompProfile(seccompProfile) }),
    cgroupPaths: (id) => {
      const subject = {
        id: id as Parameters<typeof specCgroupPath>[1]["id"],
        hostConfig: ROOTLESS,
      };
      return {
        spec: specCgroupPath(cgroupSettings, subject),
        files: cgroupPathOf(cgroupSettings, subject),
      };
    },
  });
  const plugins = new ManagedPlugins({
    records: store.collection(MANAGED_PLUGINS),
    folders: { directory: join(config.dataRoot, "plugins"), sockets: join(config.execRoot, "mp") },
    processes,
    archiver: parts.archiver,
    registries: parts.registries,
    unpacker: parts.unpacker,
    syncDisk: (directory) => syncFileSystem(host.processes, directory),
    clock: host.clock,
    randomBytes: parts.randomBytes,
    countUses: parts.countUses,
    onEvent: (action, { id, name, reference }) => {
      // as docker's: a pull is told by what was pulled
      const actorId = action === "pull" ? (reference ?? name) : id;
      events.publish({ type: "plugin", action, actorId, attributes: { name } });
    },
    warn: parts.warn,
    closeRuntime: async () => (await opened)?.[Symbol.dispose](),
  });
  await plugins.recover();
  return plugins;
}

/** No parent of its own: that of the engine. */
const ROOTLESS = { CgroupParent: "" };

function specHostOf(
  host: Host,
  usesSystemdCgroups: boolean,
): ConstructorParameters<typeof PluginProcesses>[0]["host"] {
  const { system } = host;
  return {
    architecture: hostPlatform("linux", system.machine).architecture,
    kernelRelease: system.kernelRelease,
    isCgroupV2: host.cgroups.layout === "v2",
    usesSystemdCgroups,
    hasSeccomp: system.securityModules.seccomp,
    // a plugin asks for what it may do; no profile of containers fits one that mounts
    hasAppArmor: false,
    isNoNewPrivilegesDefault: false,
    capabilities: system.capabilities,
    hardLimits: Object.fromEntries(
      Object.entries(system.limits).map(([name, { hard }]): [string, number] => [name, hard]),
    ),
    hostname: system.hostname,
  };
}
