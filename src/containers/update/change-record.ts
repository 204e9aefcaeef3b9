import { ConflictError } from "#base/errors.ts";
import type { ContainerMount, ContainerRecord } from "#containers/container.ts";
import type { ContainerUpdateRequest } from "#spec/engine-api/container-update.ts";
import type { RestartPolicy } from "#spec/engine-api/host-config.ts";
import { parseBindSpec } from "#spec/engine-api/mount.ts";

/** @throws {ConflictError} With Docker's text. */
export function withRestartPolicy(
  record: ContainerRecord,
  policy: RestartPolicy | undefined,
): ContainerRecord {
  if (policy === undefined) return record;
  if (record.hostConfig.AutoRemove && policy.Name !== "no") {
    throw new ConflictError(
      "Restart policy cannot be updated because AutoRemove is enabled for the container",
    );
  }
  return { ...record, hostConfig: { ...record.hostConfig, RestartPolicy: policy } };
}

/** @throws {ConflictError} A label to remove is not there. */
export function withLabels(
  record: ContainerRecord,
  { add, remove }: ContainerUpdateRequest["labels"],
): ContainerRecord {
  const labels = new Map(Object.entries(record.config.Labels));
  for (const name of remove) {
    if (!labels.delete(name)) throw new ConflictError(`there is no label ${JSON.stringify(name)}`);
  }
  for (const [name, value] of Object.entries(add)) labels.set(name, value);
  return { ...record, config: { ...record.config, Labels: Object.fromEntries(labels) } };
}

/** @throws {ConflictError} A variable to remove is not there. */
export function withEnvironment(
  record: ContainerRecord,
  { add, remove }: ContainerUpdateRequest["environment"],
): ContainerRecord {
  const variables = new Map(record.config.Env.map((variable) => [nameOf(variable), variable]));
  for (const name of remove) {
    if (!variables.delete(name)) {
      throw new ConflictError(`there is no environment variable ${JSON.stringify(name)}`);
    }
  }
  for (const variable of add) {
    if (variable.includes("=")) variables.set(nameOf(variable), variable);
    else variables.delete(variable);
  }
  return { ...record, config: { ...record.config, Env: [...variables.values()] } };
}

function nameOf(variable: string): string {
  return variable.split("=", 1)[0] ?? "";
}

/** The layers of a mounted image are held from create to remove. */
export function fixedImages(): ConflictError {
  return new ConflictError("images are mounted when a container is made: make the container anew");
}

/** @throws {ConflictError} Nothing is mounted at one of the targets. */
export function withoutMounts(
  record: ContainerRecord,
  targets: readonly string[],
): ContainerRecord {
  const { config, hostConfig } = record;
  for (const target of targets) {
    const mount = record.mounts.find(({ destination }) => destination === target);
    if (!mount) throw new ConflictError(`nothing is mounted at ${target}`);
    if (mount.kind === "image") throw fixedImages();
  }
  const isKept = (target: string): boolean => !targets.includes(target);
  const keep = <Value>(map: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> =>
    Object.fromEntries(Object.entries(map).filter(([target]) => isKept(target)));
  return {
    ...record,
    config: { ...config, Volumes: keep(config.Volumes) },
    hostConfig: {
      ...hostConfig,
      Binds: hostConfig.Binds.filter((bind) => isKept(parseBindSpec(bind).target)),
      Mounts: hostConfig.Mounts.filter(({ Target }) => isKept(Target)),
      Tmpfs: keep(hostConfig.Tmpfs),
    },
    mounts: record.mounts.filter(({ destination }) => isKept(destination)),
  };
}

/**
 * @param mounts What `asked` came to: their volumes are there.
 * @throws {ConflictError} Something is mounted at one of the targets.
 */
export function withMounts(
  record: ContainerRecord,
  asked: ContainerUpdateRequest["mounts"]["add"],
  mounts: readonly ContainerMount[],
): ContainerRecord {
  checkFreeTargets(record, mounts);
  const { hostConfig } = record;
  return {
    ...record,
    hostConfig: { ...hostConfig, Mounts: [...hostConfig.Mounts, ...asked] },
    mounts: [...record.mounts, ...mounts].sort((left, right) =>
      left.destination < right.destination ? -1 : 1,
    ),
  };
}

/** @throws {ConflictError} Something is mounted at one of the targets. */
export function checkFreeTargets(
  record: Pick<ContainerRecord, "mounts">,
  mounts: readonly Pick<ContainerMount, "destination">[],
): void {
  for (const { destination } of mounts) {
    if (!record.mounts.some((mount) => mount.destination === destination)) continue;
    throw new ConflictError(
      `Duplicate mount point: ${destination}: take the mount away with --mount-rm first`,
    );
  }
}
