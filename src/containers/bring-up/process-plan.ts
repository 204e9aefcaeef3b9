import { statSync } from "node:fs";
import { ConflictError, FailedPreconditionError } from "#base/errors.ts";
import type { IdMappings } from "#base/id-mappings.ts";
import type { Sandbox } from "#networks/networks.ts";
import type { ExecConfig } from "#spec/engine-api/exec-config.ts";
import { type HostConfig, joinedContainer } from "#spec/engine-api/host-config.ts";
import type { Process, Spec } from "#spec/oci-runtime.ts";
import { hostPlatform } from "#spec/platform.ts";
import { applyEdits } from "#containers/cdi/apply-edits.ts";
import { resolveDeviceRequests } from "#containers/cdi/resolve.ts";
import { cgroupPathOf, specCgroupPath } from "./cgroup-path.ts";
import type { ContainerMount, ContainerRecord } from "#containers/container.ts";
import { loggedContainer } from "#containers/logs.ts";
import {
  readDeviceNumbers,
  readDevices,
  tryReadDevice,
} from "#containers/oci-spec/host-devices.ts";
import { capabilitySets, type SpecHost, type SpecMount } from "#containers/oci-spec/input.ts";
import { planOciSpec } from "#containers/oci-spec/plan.ts";
import {
  containerCapabilities,
  planAppArmor,
  planEnvironment,
  planRlimits,
} from "#containers/oci-spec/process.ts";
import { parseSecurityOptions } from "#containers/oci-spec/security-options.ts";
import { type ResolvedUser, resolveUser } from "#containers/oci-spec/user.ts";
import { linkedEnvironment } from "#containers/links/linked.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { sharedMemoryPath } from "#containers/mounts/shared-memory.ts";
import { statusWord } from "#containers/transitions.ts";
import type { SupervisorPlan } from "./supervisors-ahead.ts";
import { mappingsOf } from "./user-namespaces.ts";
import { readUserFiles } from "./user-files.ts";
import type { ContainerFilePaths } from "./write-container-files.ts";

export type PlanParts = Pick<
  ContainerParts,
  | "cgroups"
  | "logs"
  | "networks"
  | "registry"
  | "runtime"
  | "seccompProfile"
  | "settings"
  | "system"
>;

export interface PreparedContainer {
  readonly record: ContainerRecord;
  /** With the sources as they are mounted now. */
  readonly mounts: readonly ContainerMount[];
  readonly rootPath: string;
  readonly sandbox: Sandbox;
  readonly files: ContainerFilePaths;
  /** The user namespace; absent for the host's. */
  readonly users?: { readonly path: string; readonly mappings: IdMappings };
}

/** What is known of the runtime's work before the container's parts are ready. */
export function planProcess(
  parts: Pick<PlanParts, "logs" | "runtime" | "settings">,
  record: ContainerRecord,
): SupervisorPlan {
  const { id, config, hostConfig } = record;
  const { settings } = parts;
  const capture = parts.logs.capture(loggedContainer(parts, record));
  return {
    id,
    runtimeName: hostConfig.Runtime || parts.runtime.defaultRuntime,
    terminal: config.Tty,
    openStdin: config.OpenStdin,
    stdinOnce: config.StdinOnce,
    isRemapped: mappingsOf(parts, hostConfig) !== undefined,
    logTarget: capture.target,
    ...(capture.maxBytes === undefined ? {} : { logMaxBytes: capture.maxBytes }),
    cgroupPath: cgroupPathOf(settings, record),
  };
}

/** What the runtime is to make of a container whose parts are ready. */
export function planSpec(parts: PlanParts, prepared: PreparedContainer): Spec {
  const { record, rootPath, sandbox } = prepared;
  const { id, config, hostConfig } = record;
  const { settings } = parts;
  const initPath = initPathOf(parts, hostConfig);
  const shared = sharedMemoryPath(parts, record);
  const edits = resolveDeviceRequests(hostConfig.DeviceRequests, settings.cdiSpecDirectories);
  const spec = planOciSpec({
    containerId: id,
    config,
    hostConfig,
    args: [record.path, ...record.args],
    user: userOf(config.User, hostConfig, rootPath),
    linkedEnvironment: linkedEnvironment(parts, record),
    rootPath,
    mounts: prepared.mounts.map(toSpecMount),
    files: prepared.files,
    ...(sandbox.namespacePath === undefined ? {} : { networkNamespacePath: sandbox.namespacePath }),
    joined: joinedNamespaces(parts, hostConfig),
    ...(prepared.users ? { users: prepared.users } : {}),
    ...(shared === undefined ? {} : { sharedMemoryPath: shared }),
    cgroupPath: specCgroupPath(settings, record),
    ...(initPath === undefined ? {} : { initPath }),
    ...(parts.seccompProfile ? { defaultSeccompProfile: parts.seccompProfile } : {}),
    devices: readDevices(hostConfig),
    deviceNumbers: readDeviceNumbers(hostConfig),
    defaultUlimits: settings.defaultUlimits,
    host: specHost(parts),
  });
  return applyEdits(spec, edits, tryReadDevice);
}

/**
 * One more process in a container: its environment, user, folder and rights unless `config` says else.
 *
 * @param rootPath The container's mounted root.
 */
export function planExecProcess(
  parts: Pick<PlanParts, "cgroups" | "networks" | "registry" | "settings" | "system">,
  record: ContainerRecord,
  config: ExecConfig,
  rootPath: string,
  size?: { readonly columns: number; readonly rows: number },
): Process {
  const { hostConfig } = record;
  const host = specHost(parts);
  const security = parseSecurityOptions(hostConfig.SecurityOpt, host);
  const user = userOf(config.User || record.config.User, hostConfig, rootPath);
  return {
    terminal: config.Tty,
    ...(config.Tty && size ? { consoleSize: { height: size.rows, width: size.columns } } : {}),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: config.Cmd,
    env: planEnvironment({
      tty: config.Tty,
      hostname: hostConfig.UTSMode === "host" ? host.hostname : record.config.Hostname,
      home: user.home,
      linked: linkedEnvironment(parts, record),
      variables: [...record.config.Env, ...config.Env],
    }),
    cwd: config.WorkingDir || record.config.WorkingDir || "/",
    capabilities: capabilitySets(
      config.Privileged ? host.capabilities : containerCapabilities(hostConfig, host),
    ),
    noNewPrivileges: security.noNewPrivileges,
    oomScoreAdj: hostConfig.OomScoreAdj,
    rlimits: planRlimits(hostConfig.Ulimits ?? [], parts.settings.defaultUlimits, host.hardLimits),
    ...planAppArmor(hostConfig, security, host),
  };
}

/** The primary group is among the additional ones too, lest a process sheds it (CVE-2022-36109). */
function userOf(text: string, hostConfig: HostConfig, rootPath: string): ResolvedUser {
  const user = resolveUser(text, hostConfig.GroupAdd, readUserFiles(rootPath));
  return { ...user, additionalGids: [...new Set([user.gid, ...user.additionalGids])] };
}

function specHost(parts: Pick<PlanParts, "cgroups" | "settings" | "system">): SpecHost {
  const { system } = parts;
  return {
    architecture: hostPlatform("linux", system.machine).architecture,
    kernelRelease: system.kernelRelease,
    isCgroupV2: parts.cgroups.layout === "v2",
    usesSystemdCgroups: parts.settings.usesSystemdCgroups,
    hasSeccomp: system.securityModules.seccomp,
    hasAppArmor: system.securityModules.apparmor,
    ...(parts.settings.appArmorProfile === undefined
      ? {}
      : { appArmorProfile: parts.settings.appArmorProfile }),
    isNoNewPrivilegesDefault: parts.settings.isNoNewPrivilegesDefault,
    capabilities: system.capabilities,
    hardLimits: Object.fromEntries(
      Object.entries(system.limits).map(([name, { hard }]): [string, number] => [name, hard]),
    ),
    hostname: system.hostname,
  };
}

function initPathOf(
  parts: Pick<PlanParts, "settings">,
  hostConfig: HostConfig,
): string | undefined {
  if (!(hostConfig.Init ?? parts.settings.isInitDefault)) return undefined;
  if (parts.settings.initPath !== undefined) return parts.settings.initPath;
  throw new FailedPreconditionError(
    "Cannot use --init: no init program is installed, install catatonit or tini",
  );
}

function toSpecMount(mount: ContainerMount): SpecMount {
  const { destination, readOnly, propagation } = mount;
  if (mount.kind === "tmpfs") {
    const options = Object.entries(mount.options ?? {}).map(([name, value]) =>
      value === "" ? name : `${name}=${value}`,
    );
    return {
      kind: "tmpfs",
      source: "tmpfs",
      destination,
      readOnly,
      propagation,
      options: readOnly && !options.includes("ro") ? [...options, "ro"] : options,
    };
  }
  return {
    kind: "bind",
    source: mount.source,
    destination,
    readOnly,
    propagation,
    options: [],
    ...(statSync(mount.source, { throwIfNoEntry: false })?.isDirectory() === false
      ? { isFile: true }
      : {}),
    ...(mount.recursive === false ? { recursive: false } : {}),
    ...(mount.hasWritableSubmounts ? { hasWritableSubmounts: true } : {}),
  };
}

/** @throws {ConflictError} A container whose IPC or PIDs are to be shared does not run. */
function joinedNamespaces(
  parts: Pick<PlanParts, "registry">,
  hostConfig: HostConfig,
): { readonly ipcPath?: string; readonly pidPath?: string } {
  const ipcPid = joinedPid(parts, "IPC", hostConfig.IpcMode);
  const pidPid = joinedPid(parts, "PID", hostConfig.PidMode);
  return {
    ...(ipcPid === undefined ? {} : { ipcPath: `/proc/${ipcPid}/ns/ipc` }),
    ...(pidPid === undefined ? {} : { pidPath: `/proc/${pidPid}/ns/pid` }),
  };
}

function joinedPid(
  parts: Pick<PlanParts, "registry">,
  noun: "IPC" | "PID",
  mode: string,
): number | undefined {
  const reference = joinedContainer(mode);
  if (reference === undefined) return undefined;
  const target = parts.registry.resolve(reference);
  if (target.state.status !== "running") {
    throw new ConflictError(
      `cannot join ${noun} of a non running container: container ${target.name} is ${statusWord(target.state)}`,
    );
  }
  return target.state.process.pid;
}
