import { ConflictError, WharfError } from "#base/errors.ts";
import type { ContainerMount, ContainerRecord } from "#containers/container.ts";
import { checkBindSources, checkIdMaps, makeVolumes } from "#containers/create.ts";
import { fitLimits } from "#containers/bring-up/host-limits.ts";
import type { Live } from "#containers/live.ts";
import { planMounts } from "#containers/mounts/mounts.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { checkRealtime } from "#containers/bring-up/realtime.ts";
import { planRestart } from "#containers/restart-policy.ts";
import { cancelRestart } from "#containers/stop.ts";
import type { PortChange, PublishedPort } from "#networks/networks.ts";
import type { ContainerUpdateRequest } from "#spec/engine-api/container-update.ts";
import type { Resources } from "#spec/engine-api/host-config.ts";
import {
  checkFreeTargets,
  fixedImages,
  withEnvironment,
  withLabels,
  withMounts,
  withoutMounts,
  withRestartPolicy,
} from "./change-record.ts";
import { hasOpenPorts, planPortChange } from "./change-ports.ts";
import { limitsToWrite, restoreLimits } from "./limits.ts";
import { mergeLimits } from "./merge-limits.ts";
import { moveNames, withAliases, withDonor, withoutAliases, withoutTaken } from "./take-over.ts";
import { atNextStart, nextStartOf, volumesOf } from "./next-start.ts";

export type UpdateParts = Pick<
  ContainerParts,
  | "cgroups"
  | "events"
  | "images"
  | "lives"
  | "networks"
  | "registry"
  | "runtime"
  | "settings"
  | "volumes"
  | "warn"
>;

/**
 * Changes a container in place: limits, restart policy, labels and published ports at once, environment and
 * mounts when it starts next. All or nothing of one request.
 *
 * @returns For the answer's `Warnings`.
 * @throws {InvalidArgumentError} {ConflictError} With Docker's texts.
 */
export async function updateContainer(
  parts: UpdateParts,
  reference: string,
  request: ContainerUpdateRequest,
): Promise<readonly string[]> {
  const fitted = fitLimits(request.resources, () => parts.cgroups.abilities());
  const { id } = parts.registry.resolve(reference);
  const live = parts.lives.of(id);
  const warnings = await withDonor(parts, id, request, async (donor) => {
    const record = parts.registry.get(id);
    try {
      const wanted = { ...request, resources: fitted.limits };
      return await changeRecord(parts, live, record, wanted, donor);
    } catch (error) {
      if (error instanceof WharfError) {
        error.message = `Cannot update container ${id}: ${error.message}`;
      }
      throw error;
    }
  });
  return [...request.warnings, ...fitted.warnings, ...warnings];
}

async function changeRecord(
  parts: UpdateParts,
  live: Live,
  record: ContainerRecord,
  request: ContainerUpdateRequest,
  donor: ContainerRecord | undefined,
): Promise<readonly string[]> {
  if (record.state.status === "removing" || record.state.status === "dead") {
    throw new ConflictError('container is marked for removal and cannot be "update"');
  }
  const isRunning = record.state.status === "running";
  const { nextStart: _, limitsBefore: __, ...present } = record;
  const limited = { ...present, hostConfig: mergeLimits(record.hostConfig, request.resources) };
  const now = withAliases(
    withLabels(withRestartPolicy(limited, request.restartPolicy), request.labels),
    request.aliases,
  );
  await using undo = new AsyncDisposableStack();
  const later = await planLater(parts, now, record, request, undo);
  const sandbox = parts.networks.sandboxOf(record.id);
  const published = isRunning && hasOpenPorts(sandbox) ? sandbox.ports : [];
  const plan = planPortChange(now, published, request.ports);
  const isRepublished = isRunning && plan.add.length + plan.remove.length > 0;
  const ports = isRepublished
    ? undo.use(
        await parts.networks.changePorts(record.id, { ...plan, ...(donor && { from: donor.id }) }),
      )
    : undefined;
  const withPorts = exposing(
    { ...now, hostConfig: { ...now.hostConfig, PortBindings: plan.bindings } },
    request,
  );
  if (isRunning) {
    const after = later ? { ...withPorts, nextStart: nextStartOf(later) } : withPorts;
    const donorAfter = donor && withoutAliases(givingPorts(parts, donor, ports), request.aliases);
    await applyToRunning(parts, record, after, ports, donor && donorAfter && [donor, donorAfter]);
  } else {
    await live.cleaning; // what goes away behind an exit still has the old mounts
    const after = later ? atNextStart({ ...withPorts, nextStart: nextStartOf(later) }) : withPorts;
    putRecord(parts, record, after);
    if (request.restartPolicy) endNeedlessWait(parts, live, after);
  }
  undo.move();
  moveNames(parts, record, request.aliases, donor);
  const changed = parts.registry.get(record.id);
  parts.events.publish(changed, "update");
  if (donor) parts.events.publish(parts.registry.get(donor.id), "update");
  return [...laterWarnings(isRunning, request), ...republishWarnings(changed, plan.remove)];
}

/**
 * The record with what holds from the next start on, on top of what earlier updates have left for it.
 *
 * @returns Undefined when it holds nothing.
 */
async function planLater(
  parts: UpdateParts,
  now: ContainerRecord,
  { nextStart }: ContainerRecord,
  { environment, mounts }: ContainerUpdateRequest,
  undo: AsyncDisposableStack,
): Promise<ContainerRecord | undefined> {
  const isAsked =
    environment.add.length + environment.remove.length + mounts.add.length + mounts.remove.length;
  if (isAsked === 0 && !nextStart) return undefined;
  const base = withoutMounts(
    withEnvironment(nextStart ? atNextStart({ ...now, nextStart }) : now, environment),
    mounts.remove,
  );
  if (mounts.add.length === 0) return base;
  if (mounts.add.some(({ Type }) => Type === "image")) throw fixedImages();
  const planned = planMounts({
    binds: [],
    mounts: mounts.add,
    volumesFrom: [],
    volumes: [],
    tmpfs: {},
    volumeDriver: base.hostConfig.VolumeDriver,
  });
  checkFreeTargets(base, planned);
  checkBindSources(planned);
  checkIdMaps(parts, base.hostConfig, planned);
  const made: readonly ContainerMount[] = await makeVolumes(parts, planned, undo);
  return withMounts(base, mounts.add, made);
}

/** The donor's record without the ports that pass over. */
function givingPorts(
  parts: UpdateParts,
  donor: ContainerRecord,
  ports: PortChange | undefined,
): ContainerRecord {
  if (!ports || ports.taken.length === 0) return donor;
  return withoutTaken(donor, parts.networks.sandboxOf(donor.id)?.ports ?? [], ports.taken);
}

/** `-p` exposes what it publishes. */
function exposing(record: ContainerRecord, { ports }: ContainerUpdateRequest): ContainerRecord {
  const added = Object.keys(ports.add).map((port) => [port, {}] as const);
  if (added.length === 0) return record;
  const ExposedPorts = { ...record.config.ExposedPorts, ...Object.fromEntries(added) };
  return { ...record, config: { ...record.config, ExposedPorts } };
}

/** Recorded, done, recorded: an engine that begins in between puts the limits on record in force. */
async function applyToRunning(
  parts: UpdateParts,
  before: ContainerRecord,
  after: ContainerRecord,
  ports: PortChange | undefined,
  donor: readonly [before: ContainerRecord, after: ContainerRecord] | undefined,
): Promise<void> {
  const limits = limitsToWrite(parts, before.hostConfig, after.hostConfig);
  if (limits?.cpu?.realtimeRuntime !== undefined) checkRealtime(parts, after);
  const limitsBefore = limits && changedLimits(before.hostConfig, after.hostConfig);
  putRecord(parts, before, { ...after, ...(limitsBefore && { limitsBefore }) }, () => {
    ports?.record("after");
    if (donor) parts.registry.put(donor[1]);
  });
  try {
    if (limits) await parts.runtime.update(before.id, limits);
    await ports?.apply();
  } catch (error) {
    if (limits) await restoreLimits(parts, before, after.hostConfig, before.hostConfig);
    putRecord(parts, after, before, () => {
      ports?.record("before");
      if (donor) parts.registry.put(donor[0]);
    });
    throw error;
  }
  if (limits) parts.registry.put(after);
}

function changedLimits(before: Resources, after: Resources): Partial<Resources> {
  const keys = Object.keys(before) as (keyof Resources)[]; // a HostConfig has more, and all may be kept
  return Object.fromEntries(
    keys
      .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
      .map((key) => [key, before[key]]),
  );
}

/** Writes a record with the references to its volumes, in one commit. */
function putRecord(
  parts: Pick<UpdateParts, "registry" | "volumes">,
  before: ContainerRecord,
  after: ContainerRecord,
  alongside: () => void = () => {},
): void {
  const had = volumesOf(before);
  const has = volumesOf(after);
  parts.registry.put(after, () => {
    for (const name of has.difference(had)) parts.volumes.reference(name, after.id);
    for (const name of had.difference(has)) parts.volumes.dereference(name, after.id);
    alongside();
  });
}

/** A container that waits for a restart which its new policy does not want has ended. */
function endNeedlessWait(
  parts: Pick<UpdateParts, "registry">,
  live: Live,
  record: ContainerRecord,
): void {
  if (record.state.status !== "restarting") return;
  const { restart } = planRestart({
    policy: record.hostConfig.RestartPolicy,
    exitCode: record.state.exit.exitCode,
    ranMs: 0,
    restartCount: record.restartCount,
    lastDelayMs: 0,
    isHeldBack: false,
    isForHealth: false,
  });
  if (!restart) cancelRestart(parts, live, record);
}

function laterWarnings(
  isRunning: boolean,
  { environment, mounts }: ContainerUpdateRequest,
): readonly string[] {
  if (!isRunning) return [];
  const what = [
    ...(environment.add.length + environment.remove.length > 0 ? ["environment"] : []),
    ...(mounts.add.length + mounts.remove.length > 0 ? ["mounts"] : []),
  ];
  if (what.length === 0) return [];
  return [
    `The container runs on with what it has: the new ${what.join(" and ")} will be in force when it starts next.`,
  ];
}

/** `-P` would publish it again. */
function republishWarnings(
  { config, hostConfig }: ContainerRecord,
  removed: readonly PublishedPort[],
): readonly string[] {
  if (!hostConfig.PublishAllPorts) return [];
  const keys = new Set(
    removed.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`),
  );
  return [...keys]
    .filter((key) => key in config.ExposedPorts && !(key in hostConfig.PortBindings))
    .map(
      (key) =>
        `Port ${key} is exposed and the container publishes all exposed ports: it will be published again when it starts next.`,
    );
}
