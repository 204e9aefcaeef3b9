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
import type { ContainerDefaults } from "#spec/engine-api/host-config.ts";
import { type ContainerId, newContainerId } from "#spec/ids.ts";
import type { Spec } from "#spec/oci-runtime.ts";
import { rememberMountPoints } from "./mount-stubs.ts";
import { stepRecord } from "./step-record.ts";
import { DEFAULT_NETWORK, type StepExit, type StepOutput, type StepRequest } from "./step.ts";

type StepParts = Pick<
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

/**
 * Runs one process in a mounted root, to its end. Nothing of it is in the root when this returns; its folders and its
 * network go behind the answer, or before a failure is told. An abort kills it.
 *
 * @throws {CommandNotFoundError} And the other failures of a start. {InvalidArgumentError} It asks for what would undo the
 *   engine's `--userns-remap`.
 */
export async function runStep(
  parts: StepParts,
  request: StepRequest,
  given: { readonly defaults: ContainerDefaults; readonly onOutput: StepOutput },
  signal: AbortSignal,
): Promise<StepExit> {
  await using undo = new AsyncDisposableStack();
  // a network belongs to a user namespace from its beginning: none can be made ready for users to come
  const isSpared = isPlain(request) && !parts.settings.idMappings;
  const spare = isSpared ? await parts.spareSandbox.take() : undefined;
  const id = spare?.id ?? newContainerId(parts.randomBytes);
  parts.stepIds.add(id);
  undo.defer(() => void parts.stepIds.delete(id));
  undo.defer(() => parts.networks.closeSandbox(id));
  const record = stepRecord(id, request, {
    defaults: given.defaults,
    createdNanos: parts.clock.nowNanos(),
  });
  checkRemapped(parts, record.hostConfig);
  const directory = join(parts.settings.directory, id);
  await mkdir(directory, { mode: 0o700 });
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const { rootPath } = request;
  using points = new DisposableStack();
  points.use(
    rememberMountPoints(
      rootPath,
      request.mounts.map(({ destination }) => destination),
    ),
  );
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
      terminal: false,
      openStdin: false,
      stdinOnce: false,
      isRemapped: users !== undefined,
      logTarget: "none",
      cgroupPath: cgroupPathOf(parts.settings, record),
    },
    signal,
  );
  undo.defer(() => parts.runtime.delete(id, { force: true }));
  await connecting;
  await using output = await parts.runtime.attach(id, { outputOnly: true });
  const kill = (): void => void parts.runtime.kill(id, SIGKILL);
  signal.addEventListener("abort", kill, { once: true });
  undo.defer(() => signal.removeEventListener("abort", kill));
  await parts.runtime.start(id);
  if (signal.aborted) kill();
  if (request.isFollowed === true && isSpared) parts.spareSandbox.makeReady(parts);
  for await (const { stream, bytes } of output.output()) await given.onOutput(stream, bytes);
  const { exitCode, oomKilled } = await process.exited;
  signal.throwIfAborted();
  // nothing of it runs any more, and what is left is in nobody's way
  const left = undo.move();
  void parts.background.run(`Cannot clean up build step ${id}`, () => left.disposeAsync());
  return { exitCode, oomKilled };
}

/** Whether its network is as that of any other step. */
function isPlain({ network }: StepRequest): boolean {
  return network.kind === "bridge" && network.name === DEFAULT_NETWORK;
}

const SIGKILL = 9;

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
