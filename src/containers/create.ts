import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { randomName } from "#base/random-names.ts";
import type { ImageRecord } from "#images/images.ts";
import type { SnapshotLimits } from "#snapshots/snapshotter.ts";
import type { ContainerConfig } from "#spec/engine-api/container-config.ts";
import type { ContainerCreateRequest } from "#spec/engine-api/container-create.ts";
import { type HostConfig, joinedContainer } from "#spec/engine-api/host-config.ts";
import { parseIdMapOption, planIdMap } from "#spec/engine-api/id-map-option.ts";
import { parseVolumesFrom } from "#spec/engine-api/mount.ts";
import type { NetworkingConfig } from "#spec/engine-api/networking-config.ts";
import { type ContainerId, newContainerId, shortId } from "#spec/ids.ts";
import {
  formatPlatform,
  hostPlatform,
  parsePlatform,
  type Platform,
  selectPlatform,
} from "#spec/platform.ts";
import { checkCgroupParent } from "./bring-up/cgroup-path.ts";
import type { ContainerMount, ContainerRecord } from "./container.ts";
import { applyHealthLabels, checkHealth } from "./health/labels.ts";
import { fitLimits } from "./bring-up/host-limits.ts";
import { resolveLinks } from "./links/links.ts";
import { commandOf, mergeImageConfig } from "./merge-image-config.ts";
import { imageMountKey, imageMounts } from "./mounts/image-mounts.ts";
import { type PlannedMount, planMounts } from "./mounts/mounts.ts";
import { canMakeTreesReadOnly } from "./oci-spec/mounts.ts";
import { securityWarnings } from "./oci-spec/security-options.ts";
import { nearestPath } from "./mounts/nearest-path.ts";
import { checkEndpointSettings, settleNetworks } from "./networks/attachments.ts";
import type { ContainerParts } from "./parts.ts";
import type { ContainerRegistry } from "./registry.ts";
import { checkRemapped, mappingsOf } from "./bring-up/user-namespaces.ts";

export type CreateParts = Pick<
  ContainerParts,
  | "cgroups"
  | "clock"
  | "events"
  | "images"
  | "logs"
  | "networks"
  | "randomBytes"
  | "registry"
  | "runtime"
  | "settings"
  | "snapshotter"
  | "supervisorsAhead"
  | "system"
  | "volumes"
  | "warn"
>;

export interface CreateRequest {
  readonly name?: string;
  readonly platform?: string;
  readonly body: ContainerCreateRequest;
}

/**
 * Everything that can be refused is refused before anything is made. The snapshot, the references to
 * volumes and the record are one commit; what is made before it is taken away again when it fails.
 */
export async function createContainer(
  parts: CreateParts,
  request: CreateRequest,
  signal: AbortSignal,
): Promise<{ readonly id: ContainerId; readonly warnings: readonly string[] }> {
  parts.cgroups.expectMove(); // a start mostly follows at once
  const { networkingConfig, networkIds } = settleNetworks(parts, request.body.networkingConfig);
  const fitted = fitLimits(request.body.hostConfig, () => parts.cgroups.abilities());
  const hostConfig = resolveJoined(parts.registry, fitted.limits);
  const host = hostPlatform("linux", parts.system.machine);
  const wanted = request.platform ? parsePlatform(request.platform, host) : undefined;
  const image = parts.images.resolve(request.body.config.Image, wanted);
  using _hold = parts.images.hold(image.id);
  const warnings = [
    ...request.body.warnings,
    ...fitted.warnings,
    ...(wanted ? [] : platformWarnings(host, image)),
    ...securityWarnings(hostConfig.SecurityOpt, parts.system.securityModules),
  ];
  const merged = applyHealthLabels(
    request.body.config.Healthcheck,
    mergeImageConfig(request.body.config, image.config.config),
  );
  checkHealth(merged, hostConfig);
  checkHost(parts, hostConfig, networkingConfig);
  const links = resolveLinks(parts, hostConfig);
  const limits = parts.snapshotter.parseStorageOptions(hostConfig.StorageOpt);
  checkRemapped(parts, hostConfig);
  const planned = planMounts({
    binds: hostConfig.Binds,
    mounts: hostConfig.Mounts,
    volumesFrom: hostConfig.VolumesFrom.map((text) => {
      const spec = parseVolumesFrom(text);
      return { spec, mounts: resolveOther(parts.registry, spec.container).mounts };
    }),
    volumes: Object.keys(merged.Volumes),
    tmpfs: hostConfig.Tmpfs,
    volumeDriver: hostConfig.VolumeDriver,
  });
  checkBindSources(planned);
  checkIdMaps(parts, hostConfig, planned);
  checkForcedReadOnly(parts, hostConfig);

  const id = newContainerId(parts.randomBytes);
  using name = claimName(parts, id, request.name);
  await using undo = new AsyncDisposableStack();
  const mounts = await makeVolumes(parts, planned, undo, signal);
  signal.throwIfAborted();
  const config = { ...merged, Hostname: hostnameOf(parts, merged, hostConfig, id) };
  const record: ContainerRecord = {
    id,
    name: name.name,
    createdNanos: parts.clock.nowNanos(),
    imageId: image.id,
    imageReference: request.body.config.Image,
    config,
    hostConfig,
    networkingConfig,
    networkIds,
    mounts,
    ...(links.length > 0 ? { links } : {}),
    state: { status: "created" },
    ...commandOf(config),
    restartCount: 0,
    stoppedByUser: false,
    bootId: parts.system.bootId,
  };
  makeRecord(parts, { record, image, limits }, undo);
  undo.move();
  parts.events.publish(record, "create");
  parts.supervisorsAhead.expectStart(record);
  return { id, warnings };
}

function makeRecord(
  parts: CreateParts,
  made: {
    readonly record: ContainerRecord;
    readonly image: ImageRecord;
    readonly limits: SnapshotLimits;
  },
  undo: AsyncDisposableStack,
): void {
  const { record, image, limits } = made;
  const directory = join(parts.settings.directory, record.id);
  undo.defer(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(directory, { recursive: true, mode: 0o710 });
  // removing what is not there does nothing, and a failing commit leaves the folder
  undo.defer(() => parts.snapshotter.remove(record.id));
  for (const mount of imageMounts(record)) {
    undo.defer(() => parts.snapshotter.remove(imageMountKey(record, mount)));
  }
  parts.registry.put(record, () => {
    parts.snapshotter.prepare(record.id, parts.images.topChainId(image), limits);
    for (const mount of imageMounts(record)) {
      if (mount.imageId === undefined) continue;
      const mounted = parts.images.resolve(mount.imageId);
      parts.snapshotter.prepare(imageMountKey(record, mount), parts.images.topChainId(mounted));
    }
    for (const { kind, name } of record.mounts) {
      if (kind === "volume" && name !== undefined) parts.volumes.reference(name, record.id);
    }
  });
}

function claimName(
  parts: CreateParts,
  id: ContainerId,
  wanted: string | undefined,
): Disposable & { readonly name: string } {
  if (wanted) return parts.registry.claimName(wanted, id);
  const random = (): number => Buffer.from(parts.randomBytes(4)).readUInt32LE() / 2 ** 32;
  for (let attempt = 0; ; attempt++) {
    const name = randomName(random, attempt);
    if (!parts.registry.isNameTaken(name)) return parts.registry.claimName(name, id);
  }
}

function platformWarnings(host: Platform, image: ImageRecord): readonly string[] {
  const own = image.config.platform;
  // images made by hand often name no platform
  if (own.os === "" || selectPlatform(host, [own]) >= 0) return [];
  return [
    `The requested image's platform (${formatPlatform(own)}) does not match the detected host ` +
      `platform (${formatPlatform(host)}) and no specific platform was requested`,
  ];
}

/** What the request asks of this engine and cannot get. */
function checkHost(
  parts: CreateParts,
  hostConfig: HostConfig,
  networkingConfig: NetworkingConfig,
): void {
  if (!Object.hasOwn(parts.runtime.runtimes, hostConfig.Runtime || parts.runtime.defaultRuntime)) {
    throw new InvalidArgumentError(`unknown or invalid runtime name: ${hostConfig.Runtime}`);
  }
  parts.logs.validate(hostConfig.LogConfig.Type, hostConfig.LogConfig.Config);
  checkCgroupParent(parts.settings, hostConfig.CgroupParent);
  checkEndpoints(parts, networkingConfig);
}

/**
 * A container that is named in the request. Its absence is a fault of the request: clients take a 404 for
 * a missing image, and pull.
 *
 * @throws {InvalidArgumentError} `No such container: …`
 */
function resolveOther(registry: ContainerRegistry, reference: string): ContainerRecord {
  try {
    return registry.resolve(reference);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new InvalidArgumentError(error.message, { cause: error });
  }
}

/** The containers whose name spaces are shared by their ids: their names may go to others. */
function resolveJoined(registry: ContainerRegistry, hostConfig: HostConfig): HostConfig {
  const { NetworkMode, PidMode, IpcMode } = hostConfig;
  const joinedNetwork = joinedContainer(NetworkMode);
  // Docker lets a network's owner be unknown until the start
  const owner = joinedNetwork === undefined ? undefined : registry.tryResolve(joinedNetwork);
  const byId = (mode: string): string => {
    const reference = joinedContainer(mode);
    return reference === undefined ? mode : `container:${resolveOther(registry, reference).id}`;
  };
  return {
    ...hostConfig,
    NetworkMode: owner ? `container:${owner.id}` : NetworkMode,
    PidMode: byId(PidMode),
    IpcMode: byId(IpcMode),
  };
}

/** Addresses and aliases need a network of the user's; one that is not there yet is checked at the start. */
function checkEndpoints(parts: CreateParts, { EndpointsConfig }: NetworkingConfig): void {
  for (const [name, settings] of Object.entries(EndpointsConfig)) {
    const wanted = name === "default" ? "bridge" : name;
    const network = parts.networks.list().find((one) => one.name === wanted);
    if (!network) continue;
    try {
      checkEndpointSettings(network, settings);
    } catch (cause) {
      if (!(cause instanceof InvalidArgumentError)) throw cause;
      const message = `invalid config for network ${name}: ${cause.message}`;
      throw new InvalidArgumentError(message, { cause });
    }
  }
}

/** @throws {InvalidArgumentError} `bind-recursive=readonly` on a kernel that makes no tree read-only. */
function checkForcedReadOnly(parts: CreateParts, { Mounts }: HostConfig): void {
  const { kernelRelease } = parts.system;
  for (const { Target, BindOptions } of Mounts) {
    if (!BindOptions?.ReadOnlyForceRecursive || canMakeTreesReadOnly(kernelRelease)) continue;
    throw new InvalidArgumentError(
      `Cannot mount ${Target} with bind-recursive=readonly: it takes Linux 5.12, this is ${kernelRelease}`,
    );
  }
}

/** @throws {InvalidArgumentError} An `idmap` that this container cannot have. */
export function checkIdMaps(
  parts: Pick<CreateParts, "settings">,
  hostConfig: HostConfig,
  planned: readonly PlannedMount[],
): void {
  const mappings = mappingsOf(parts, hostConfig);
  for (const { idMap } of planned) {
    if (idMap !== undefined) planIdMap(parseIdMapOption(idMap), mappings);
  }
}

/** @throws {InvalidArgumentError} A source is not there and not to be made. */
export function checkBindSources(planned: readonly PlannedMount[]): void {
  for (const { kind, source, createSource } of planned) {
    if (kind !== "bind" || createSource || existsSync(source)) continue;
    const near = nearestPath(source);
    throw new InvalidArgumentError(
      `invalid mount config for type "bind": bind source path does not exist: ${source}` +
        (near === undefined ? "" : ` (did you mean ${near}?)`),
    );
  }
}

/** The given name, else that of the host or container whose name space it shares, else the short id. */
function hostnameOf(
  parts: CreateParts,
  config: ContainerConfig,
  hostConfig: HostConfig,
  id: ContainerId,
): string {
  if (config.Hostname) return config.Hostname;
  if (hostConfig.NetworkMode === "host" || hostConfig.UTSMode === "host") {
    return parts.system.hostname;
  }
  const joined = joinedContainer(hostConfig.NetworkMode);
  if (joined === undefined) return shortId(id);
  const target = parts.registry.tryResolve(joined);
  return target?.config.Hostname ?? shortId(id);
}

/**
 * Its absence is a fault of the request, as that of a container to join.
 *
 * @throws {InvalidArgumentError} `No such image: …`
 */
function mountedImage(parts: Pick<CreateParts, "images">, reference: string): ImageRecord {
  try {
    return parts.images.resolve(reference);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new InvalidArgumentError(error.message, { cause: error });
  }
}

/** Volumes that did not exist go again when a later step fails. */
export async function makeVolumes(
  parts: Pick<CreateParts, "events" | "images" | "volumes">,
  planned: readonly PlannedMount[],
  undo: AsyncDisposableStack,
  signal?: AbortSignal,
): Promise<readonly ContainerMount[]> {
  const mounts: ContainerMount[] = [];
  for (const { volume: wish, ...mount } of planned) {
    if (mount.kind === "image" && mount.imageId === undefined) {
      mounts.push({ ...mount, imageId: mountedImage(parts, mount.name ?? "").id });
      continue;
    }
    if (mount.kind !== "volume" || !wish) {
      mounts.push(mount);
      continue;
    }
    const request = {
      ...(mount.name === undefined ? {} : { name: mount.name }),
      ...(mount.driver ? { driver: mount.driver } : {}),
      ...wish,
      isForContainer: true,
    };
    const { volume, isNew } = await parts.volumes.create(request, signal);
    if (isNew) undo.defer(() => parts.volumes.remove(volume.name, { force: false }));
    mounts.push({
      ...mount,
      name: volume.name,
      driver: volume.driver,
      source: volume.mountpoint,
    });
  }
  return mounts;
}
