import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError } from "#base/errors.ts";
import { joinedContainer } from "#spec/engine-api/host-config.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { rootOwner } from "#containers/bring-up/user-namespaces.ts";

/**
 * /dev/shm of a container whose IPC others may join: a tmpfs of the host's, which each of them binds.
 *
 * @returns Undefined for a container with a /dev/shm of its own.
 * @throws {FailedPreconditionError} The container to join does not share.
 */
export function sharedMemoryPath(
  parts: Pick<ContainerParts, "registry" | "settings">,
  record: ContainerRecord,
): string | undefined {
  const joined = joinedContainer(record.hostConfig.IpcMode);
  if (joined === undefined) {
    return record.hostConfig.IpcMode === "shareable" ? ownPath(parts, record) : undefined;
  }
  const donor = parts.registry.resolve(joined);
  if (donor.hostConfig.IpcMode !== "shareable") {
    throw new FailedPreconditionError(
      `failed to join IPC namespace: container ${donor.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    );
  }
  return ownPath(parts, donor);
}

function ownPath(parts: Pick<ContainerParts, "settings">, record: ContainerRecord): string {
  return join(parts.settings.directory, record.id, "shm");
}

/** Before the start of a container that shares; what it joins is mounted already. */
export function mountSharedMemory(
  parts: Pick<ContainerParts, "mounts" | "settings">,
  record: ContainerRecord,
): void {
  if (record.hostConfig.IpcMode !== "shareable") return;
  const target = ownPath(parts, record);
  mkdirSync(target, { recursive: true, mode: 0o700 });
  const { uid, gid } = rootOwner(parts, record.hostConfig);
  parts.mounts.tmpfs({
    target,
    sizeBytes: record.hostConfig.ShmSize,
    mode: 0o1777,
    options: ["nosuid", "noexec", "nodev", `uid=${uid}`, `gid=${gid}`],
  });
}

/** Idempotent. Those who joined keep theirs. */
export function unmountSharedMemory(
  parts: Pick<ContainerParts, "mounts" | "settings">,
  record: ContainerRecord,
): void {
  if (record.hostConfig.IpcMode !== "shareable") return;
  parts.mounts.unmount(ownPath(parts, record), { lazy: true });
}
