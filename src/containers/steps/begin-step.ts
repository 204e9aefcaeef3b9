import { statSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  makeEngineMountPoints,
  makeInRoot,
  ownMountPoints,
} from "#containers/bring-up/prepare-root.ts";
import { cgroupPathOf } from "#containers/bring-up/cgroup-path.ts";
import { planSpec } from "#containers/bring-up/process-plan.ts";
import { writeContainerFiles } from "#containers/bring-up/write-container-files.ts";
import {
  checkRemapped,
  openUsers,
  type StartingUsers,
} from "#containers/bring-up/user-namespaces.ts";
import type { ContainerMount, ContainerRecord } from "#containers/container.ts";
import { mappedOwners } from "#containers/mounts/mount-sources.ts";
import { bindOwnMount, unbindingOwnMounts } from "#containers/mounts/own-mounts.ts";
import { attachmentsOf } from "#containers/networks/attachments.ts";
import type { ContainerParts } from "#containers/parts.ts";
import type { Sandbox } from "#networks/networks.ts";
import type { RunningProcess } from "#runtime/runtime.ts";
import type { ContainerDefaults } from "#spec/engine-api/host-config.ts";
import { type ContainerId, newContainerId } from "#spec/ids.ts";
import type { Spec } from "#spec/oci-runtime.ts";
import { stepRecord } from "./step-record.ts";
import { DEFAULT_NETWORK, type StepRequest, type StepTerminal } from "./step.ts";

export type StepParts = Pick<
  ContainerParts,
  | "background"
  | "cgroups"
  | "clock"
  | "logs"
  | "mappingNamespaces"
  | "mounts"
  | "namespaces"
  | "networks"
  | "randomBytes"
  | "registry"
  | "runtime"
  | "seccompProfile"
  | "settings"
  | "spareSandbox"
  | "stepIds"
  | "system"
  | "warn"
>;

/** A process that exists, in its network, and waits to be started. */
export interface BegunStep {
  readonly id: ContainerId;
  readonly process: RunningProcess;
}

/**
 * Makes a step's process.
 *
 * @param given.input Somebody will write to it; with a terminal or without.
 * @param undo Gets what takes all of it away again, and kills it.
 * @throws {CommandNotFoundError} And the other failures of a start. {InvalidArgumentError} It asks for what would undo the
 *   engine's `--userns-remap`.
 */
export async function beginStep(
  parts: StepParts,
  request: StepRequest,
  given: {
    readonly defaults: ContainerDefaults;
    readonly input?: { readonly terminal: StepTerminal | undefined };
  },
  undo: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<BegunStep> {
  const { defaults, input } = given;
  const terminal = input?.terminal;
  const spare = isSpared(parts, request) ? await parts.spareSandbox.take() : undefined;
  const id = spare?.id ?? newContainerId(parts.randomBytes);
  parts.stepIds.add(id);
  undo.defer(() => void parts.stepIds.delete(id));
  undo.defer(() => parts.networks.closeSandbox(id));
  const record = stepRecord(id, request, {
    defaults,
    createdNanos: parts.clock.nowNanos(),
    ...(terminal ? { terminal } : {}),
  });
  checkRemapped(parts, record.hostConfig);
  const directory = join(parts.settings.directory, id);
  await mkdir(directory, { mode: 0o700 });
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  using users = openUsers(parts, record);
  using _ = unbindingOwnMounts(parts, record);
  const sandbox = spare?.sandbox ?? (await openNetwork(parts, { record, users }, signal));
  const connecting = spare?.connected ?? parts.networks.connectSandbox(id, signal);
  connecting.catch(() => undefined); // told below, when the runtime is done
  undo.defer(() => connecting.catch(() => undefined));
  const spec = (): Promise<Spec> => planStep(parts, { record, request, sandbox, users });
  const process = await parts.runtime.create(
    {
      id,
      runtimeName: parts.runtime.defaultRuntime,
      spec,
      terminal: terminal !== undefined,
      openStdin: input !== undefined,
      stdinOnce: input !== undefined,
      isRemapped: users !== undefined,
      logTarget: "none",
      cgroupPath: cgroupPathOf(parts.settings, record),
    },
    signal,
  );
  undo.defer(() => parts.runtime.delete(id, { force: true }));
  await connecting;
  return { id, process };
}

/** A network belongs to a user namespace from its beginning: none can be made ready for users to come. */
export function isSpared({ settings }: Pick<StepParts, "settings">, request: StepRequest): boolean {
  return isPlain(request) && !settings.idMappings;
}

/** Whether its network is as that of any other step. */
function isPlain({ network }: StepRequest): boolean {
  return network.kind === "bridge" && network.name === DEFAULT_NETWORK;
}

async function planStep(
  parts: StepParts,
  given: {
    readonly record: ContainerRecord;
    readonly request: StepRequest;
    readonly sandbox: Sandbox;
    readonly users: StartingUsers | undefined;
  },
): Promise<Spec> {
  const { record, request, sandbox, users } = given;
  const { rootPath } = request;
  makeEngineMountPoints(rootPath);
  const points = record.mounts.map((mount) => ({
    destination: mount.destination,
    isFile: mount.kind === "bind" && isFile(mount.source),
  }));
  for (const point of ownMountPoints(points)) makeInRoot(rootPath, point);
  makeInRoot(rootPath, { destination: request.cwd, isFile: false });
  const files = writeContainerFiles(parts, record, sandbox);
  const mounts = users ? await mappedMounts(parts, { record, request, users }) : record.mounts;
  // until here the root has been seen with the owners that it has on disk
  if (users) await request.remount(await mappedOwners(parts, users));
  const spec = planSpec(parts, {
    record,
    mounts,
    rootPath,
    sandbox,
    files,
    ...(users ? { users: { path: await users.path(), mappings: users.mappings } } : {}),
  });
  if (!spec.process) return spec;
  // a container's HOSTNAME is none of the step's variables
  const own = request.env.some((row) => row.startsWith("HOSTNAME="));
  const env = own
    ? spec.process.env
    : spec.process.env?.filter((row) => !row.startsWith("HOSTNAME="));
  return { ...spec, process: { ...spec.process, ...(env ? { env } : {}) } };
}

/** Sources with the owners that the step's users have. */
async function mappedMounts(
  parts: StepParts,
  given: {
    readonly record: ContainerRecord;
    readonly request: StepRequest;
    readonly users: StartingUsers;
  },
): Promise<readonly ContainerMount[]> {
  const { record, request, users } = given;
  const userNamespacePath = await parts.mappingNamespaces.pathOf(users.mappings);
  return record.mounts.map((mount, index) => {
    const isDone = mount.kind !== "bind" || request.mounts[index]?.isMapped === true;
    if (isDone) return mount;
    const own = { mount, path: mount.source, userNamespacePath };
    return { ...mount, source: bindOwnMount(parts, record, own) };
  });
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
}

async function openNetwork(
  parts: StepParts,
  given: { readonly record: ContainerRecord; readonly users: StartingUsers | undefined },
  signal: AbortSignal,
): Promise<Sandbox> {
  const { record, users } = given;
  const id: ContainerId = record.id;
  const mode = record.hostConfig.NetworkMode;
  const kind = mode === "none" || mode === "host" ? mode : "bridge";
  const attachments = kind === "bridge" ? attachmentsOf(parts, record) : undefined;
  return await parts.networks.openSandbox(
    {
      containerId: id,
      containerName: "build step",
      mode: { kind },
      ports: [],
      ...(attachments ? { attachments } : {}),
      ...(users ? { makeNamespace: (path: string) => users.makeNetwork(path) } : {}),
    },
    signal,
  );
}
