import { statSync } from "node:fs";
import { ConflictError, FailedPreconditionError, messageOf, WharfError } from "#base/errors.ts";
import type { Sandbox, SandboxMode } from "#networks/networks.ts";
import type { SocketVault } from "#host/sockets.ts";
import type { RunningProcess } from "#runtime/runtime.ts";
import { type HostConfig, joinedContainer } from "#spec/engine-api/host-config.ts";
import type { ContainerId } from "#spec/ids.ts";
import type { Spec } from "#spec/oci-runtime.ts";
import type { ContainerMount, ContainerRecord } from "#containers/container.ts";
import { imageOf } from "#containers/details.ts";
import { type ExitParts, watchProcess } from "#containers/exit.ts";
import { unmountImages } from "#containers/mounts/image-mounts.ts";
import {
  mappedOwners,
  type MountParts,
  mountSources,
  type Starting,
} from "#containers/mounts/mount-sources.ts";
import { unbindingOwnMounts } from "#containers/mounts/own-mounts.ts";
import { checkLinks } from "#containers/links/linked.ts";
import { refreshLinkedHosts } from "#containers/links/refresh-hosts.ts";
import { followLog, loggedContainer } from "#containers/logs.ts";
import { attachmentsOf } from "#containers/networks/attachments.ts";
import { planPorts } from "./ports.ts";
import {
  leadsThroughLink,
  makeEngineMountPoints,
  makeInRoot,
  ownMountPoints,
} from "./prepare-root.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { checkProgram } from "#containers/program/check.ts";
import { withSuggestion } from "#containers/program/suggest.ts";
import { type PlanParts, planProcess, planSpec, type PreparedContainer } from "./process-plan.ts";
import { checkRealtime } from "./realtime.ts";
import { mountSharedMemory, unmountSharedMemory } from "#containers/mounts/shared-memory.ts";
import { CONTAINER_USE, mountRoot, unmountRoot } from "#containers/files/mount-root.ts";
import { lastExit, statusWord } from "#containers/transitions.ts";
import { atNextStart, volumesOf } from "#containers/update/next-start.ts";
import {
  checkRemapped,
  openUsers,
  type StartingUsers,
  type UsersParts,
} from "./user-namespaces.ts";
import { dnsSettingsOf } from "./resolv-conf-file.ts";
import { writeContainerFiles } from "./write-container-files.ts";

export type BringUpParts = ExitParts &
  MountParts &
  PlanParts &
  UsersParts &
  Pick<ContainerParts, "clock" | "onStarted" | "supervisorsAhead">;

const MS_PER_SECOND = 1000;

/**
 * From a container that does not run to one that does, in its lane. What is independent goes side by side:
 *
 *     conmon starts    │ sandbox opened, root and volumes mounted, config.json planned
 *     the runtime works│ sandbox connected
 *
 * The record is written when the process runs, in one commit. A failure at any step takes away what the
 * earlier ones made.
 *
 * A crash needs no note of this: whatever of it is there without a `running` record is found by
 * `reconcile` at the runtime, the networks and the snapshots.
 *
 * @param restoreFrom A checkpoint, whose processes go on instead of new ones.
 * @throws What made it fail; the record is as it was.
 */
export async function bringUp(
  parts: BringUpParts,
  given: ContainerRecord,
  signal: AbortSignal,
  restoreFrom?: string,
): Promise<ContainerRecord> {
  const live = parts.lives.of(given.id);
  const underWay = new AbortController();
  live.startUnderWay = underWay;
  try {
    if (live.isForcedOut) throw new ConflictError(`container ${given.name} is being removed`);
    await live.cleaning;
    const either = AbortSignal.any([signal, underWay.signal]);
    const beginMs = parts.clock.monotonicMs();
    const running = await bringUpUnless(parts, given, either, restoreFrom);
    parts.onStarted?.((parts.clock.monotonicMs() - beginMs) / MS_PER_SECOND);
    return running;
  } catch (error) {
    throw reasonOf(parts, given, error);
  } finally {
    live.startUnderWay = undefined;
  }
}

/** What made the start fail; what failed while it was undone as well is reported. */
function reasonOf(
  parts: Pick<BringUpParts, "warn">,
  record: Pick<ContainerRecord, "id">,
  error: unknown,
): unknown {
  if (!(error instanceof SuppressedError)) return error;
  parts.warn(`Cannot undo the start of container ${record.id}: ${messageOf(error.error)}`);
  return reasonOf(parts, record, error.suppressed);
}

async function bringUpUnless(
  parts: BringUpParts,
  given: ContainerRecord,
  signal: AbortSignal,
  restoreFrom: string | undefined,
): Promise<ContainerRecord> {
  const record = atNextStart(given);
  const { id, hostConfig } = record;
  checkLinks(parts, record);
  checkRemapped(parts, hostConfig);
  checkRealtime(parts, record);
  await using undo = new AsyncDisposableStack();
  using _ = unbindingOwnMounts(parts, record);
  using _images = { [Symbol.dispose]: () => unmountImages(parts.snapshotter, record) };
  using users = openUsers(parts, record);
  const restoring = restoreFrom === undefined ? {} : { restoreFrom };
  const plan = { ...planProcess(parts, record), ...restoring };
  await using supervisor = await parts.supervisorsAhead.take(id, plan);
  let connecting = Promise.resolve();
  let rootPath: string | undefined;
  const makeSpec = async (vault: SocketVault): Promise<Spec> => {
    const prepared = await prepare(parts, { record, users, undo }, vault, signal);
    rootPath = prepared.rootPath;
    checkMachine(parts, record, rootPath);
    connecting = connectBeside(parts, record, signal);
    undo.defer(() => connecting.catch(() => undefined));
    // restored processes run at once: their network has to be there
    if (restoreFrom !== undefined) await connecting;
    return planSpec(parts, prepared);
  };
  const logged = loggedContainer(parts, record);
  await parts.logs.begin(logged, signal);
  undo.defer(() => parts.logs.end(logged));
  const process = await supervisor.create(makeSpec, signal).catch((error: unknown) => {
    throw rootPath === undefined ? error : withSuggestion(error, rootPath, record);
  });
  undo.defer(() => parts.runtime.delete(id, { force: true }));
  await connecting;
  const isAttached = await connectClients(parts, record);
  await parts.runtime.start(id, { isAttached });
  const running = recordRunning(parts, record, process, volumesOf(given));
  undo.move();
  followLog(parts, running);
  watchProcess(parts, id, process);
  parts.events.publish(running, "start");
  parts.health.begin(running);
  refreshLinkedHosts(parts, running);
  return running;
}

function checkMachine(
  parts: Pick<BringUpParts, "images" | "system">,
  record: ContainerRecord,
  rootPath: string,
): void {
  const image = imageOf(parts, record.imageId)?.config.platform;
  if (image) checkProgram({ record, rootPath, image, machine: parts.system.machine });
}

/** Connects the sandbox once the runtime has been let go, which takes it longer. */
function connectBeside(
  parts: BringUpParts,
  { id }: ContainerRecord,
  signal: AbortSignal,
): Promise<void> {
  const connecting = new Promise<void>((resolve) => {
    setImmediate(resolve);
  })
    .then(() => parts.networks.connectSandbox(id, signal))
    .catch((error: unknown) => {
      throw asNetworkingError(error);
    });
  // until it is awaited, a failing runtime must not leave its rejection unhandled
  connecting.catch(() => undefined);
  return connecting;
}

/** Makes ready what the container is made from. */
async function prepare(
  parts: BringUpParts,
  { record, users, undo }: Starting,
  vault: SocketVault,
  signal: AbortSignal,
): Promise<PreparedContainer> {
  const { id } = record;
  const opening = openSandbox(parts, { record, users, vault }, signal);
  const mounted: ContainerMount[] = [];
  undo.defer(async () => {
    const sandbox = await opening.catch(() => undefined);
    if (sandbox) await parts.networks.closeSandbox(id);
    for (const endpoint of sandbox?.endpoints ?? []) {
      parts.events.networkDisconnected(record, endpoint);
    }
    for (const mount of mounted) parts.events.volumeUnmounted(record, mount);
  });
  // until it is awaited below, a failing mount must not leave its rejection unhandled
  opening.catch(() => undefined);
  undo.defer(() => unmountRoot(parts, id));
  const rootPath = await mountRoot(parts, id);
  prepareRoot(record, rootPath);
  const mounts = await mountSources(parts, { record, users, rootPath, mounted, undo }, signal);
  if (users) await remountMapped(parts, id, users);
  undo.defer(() => unmountSharedMemory(parts, record));
  mountSharedMemory(parts, record);
  const sandbox = await opening;
  for (const endpoint of sandbox.endpoints) parts.events.networkConnected(record, endpoint);
  const files = writeContainerFiles(parts, record, sandbox);
  signal.throwIfAborted();
  return {
    record,
    mounts,
    rootPath,
    sandbox,
    files,
    ...(users ? { users: { path: await users.path(), mappings: users.mappings } } : {}),
  };
}

/** What is there stays; so it is cheap for a container that ran before. */
function prepareRoot({ config, mounts }: ContainerRecord, rootPath: string): void {
  makeEngineMountPoints(rootPath);
  const made = mounts.filter(
    // runc gives a tmpfs the mode of the folder that it finds
    (mount) => mount.kind !== "tmpfs" || leadsThroughLink(rootPath, mount.destination),
  );
  const points = made.map((mount) => ({
    destination: mount.destination,
    isFile: mount.kind === "bind" && isFile(mount.source),
  }));
  for (const point of ownMountPoints(points)) makeInRoot(rootPath, point);
  if (config.WorkingDir !== "") {
    makeInRoot(rootPath, { destination: config.WorkingDir, isFile: false });
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
}

/** Until here the root has been seen with the owners that it has on disk. */
async function remountMapped(
  parts: BringUpParts,
  id: ContainerId,
  users: StartingUsers,
): Promise<void> {
  const owners = await mappedOwners(parts, users);
  parts.snapshotter.unmount(id);
  parts.lives.of(id).isRootMapped = true;
  await parts.snapshotter.mount(id, owners, CONTAINER_USE);
}

function recordRunning(
  parts: BringUpParts,
  record: ContainerRecord,
  { process, supervisor }: RunningProcess,
  hadVolumes: ReadonlySet<string>,
): ContainerRecord {
  const last = lastExit(record.state);
  const running: ContainerRecord = {
    ...record,
    // a volume that the user empties later stays empty
    mounts: record.mounts.map((mount) => (mount.copyUp ? { ...mount, copyUp: false } : mount)),
    state: {
      status: "running",
      paused: false,
      process,
      supervisor,
      startedNanos: parts.clock.nowNanos(),
      ...(last && { lastFinishedNanos: last.finishedNanos }),
    },
    bootId: parts.system.bootId,
  };
  parts.registry.put(running, () => {
    for (const name of hadVolumes.difference(volumesOf(running))) {
      parts.volumes.dereference(name, running.id);
    }
  });
  return running;
}

/**
 * Those who attached before: they are connected when the process exists and has not run yet.
 *
 * @returns Whether there are any.
 */
async function connectClients(parts: BringUpParts, record: ContainerRecord): Promise<boolean> {
  const { attaching } = parts.lives.of(record.id);
  const clients = [...attaching];
  attaching.clear();
  await Promise.all(
    clients.map(async (client) => {
      try {
        client.connect(await parts.runtime.attach(record.id, { outputOnly: client.outputOnly }));
      } catch (error) {
        // one client's connection is no reason to refuse the start
        client.connect(undefined);
        parts.warn(`Cannot attach to container ${record.id}: ${messageOf(error)}`);
      }
    }),
  );
  return clients.length > 0;
}

async function openSandbox(
  parts: BringUpParts,
  { record, users, vault }: Pick<Starting, "record" | "users"> & { readonly vault: SocketVault },
  signal: AbortSignal,
): Promise<Sandbox> {
  const { id, name, config, hostConfig, networkingConfig } = record;
  const mode = sandboxMode(parts, hostConfig);
  const macAddress = networkingConfig.EndpointsConfig[hostConfig.NetworkMode]?.MacAddress;
  try {
    const attachments = mode.kind === "bridge" ? attachmentsOf(parts, record) : undefined;
    return await parts.networks.openSandbox(
      {
        containerId: id,
        containerName: name,
        mode,
        vault,
        ports:
          mode.kind === "bridge" ? planPorts(hostConfig, Object.keys(config.ExposedPorts)) : [],
        dns: dnsSettingsOf(parts, record),
        ...(attachments ? { attachments } : {}),
        ...(macAddress ? { macAddress } : {}),
        ...(users ? { makeNamespace: (path: string) => users.makeNetwork(path) } : {}),
      },
      signal,
    );
  } catch (error) {
    throw mode.kind === "container" ? error : asNetworkingError(error);
  }
}

/** In Docker's words. The class stays, and with it the status: a taken port is no missing network. */
function asNetworkingError(error: unknown): unknown {
  if (error instanceof WharfError) {
    error.message = `failed to set up container networking: ${error.message}`;
  }
  return error;
}

/** @throws {NotFoundError} `network … not found`. {ConflictError} The container to join does not run. */
function sandboxMode(parts: BringUpParts, hostConfig: HostConfig): SandboxMode {
  switch (hostConfig.NetworkMode) {
    case "":
    case "default":
    case "bridge":
      return { kind: "bridge" };
    case "host":
      return { kind: "host" };
    case "none":
      return { kind: "none" };
    default: {
      const joined = joinedContainer(hostConfig.NetworkMode);
      if (joined === undefined) return modeOfNetwork(parts, hostConfig.NetworkMode);
      return { kind: "container", containerId: joinableContainer(parts, joined) };
    }
  }
}

/** A predefined network may be named by its id. */
function modeOfNetwork(parts: BringUpParts, reference: string): SandboxMode {
  const network = tryNetwork(parts, reference);
  switch (network?.name) {
    case "host":
      return { kind: "host" };
    case "none":
      return { kind: "none" };
    default:
      // an unknown one is refused by attachmentsOf
      return { kind: "bridge" };
  }
}

function tryNetwork(parts: BringUpParts, reference: string): { readonly name: string } | undefined {
  return parts.networks
    .list()
    .find(({ id, name }) => name === reference || id.startsWith(reference));
}

function joinableContainer(parts: BringUpParts, reference: string): string {
  const target = parts.registry.tryResolve(reference);
  if (!target) {
    throw new FailedPreconditionError(
      `joining network namespace of container: No such container: ${reference}`,
    );
  }
  if (target.state.status !== "running") {
    throw new ConflictError(
      `cannot join network namespace of a non running container: container ${target.name} is ${statusWord(target.state)}`,
    );
  }
  return target.id;
}
