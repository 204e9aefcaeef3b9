import { mkdirSync } from "node:fs";
import type { Clock } from "#host/clock.ts";
import type { Files } from "#host/files.ts";
import type { Mounts } from "#host/mounts.ts";
import type { Processes } from "#host/processes.ts";
import type { RandomBytes } from "#spec/ids.ts";
import type { Store } from "#store/store.ts";
import { VOLUME_USERS, VOLUMES } from "./records.ts";
import { LocalVolumes } from "./service.ts";
import type { Volumes } from "./volumes.ts";

export interface OpenVolumesOptions {
  readonly store: Store;
  readonly clock: Pick<Clock, "nowMs">;
  readonly files: Pick<Files, "diskUsage">;
  readonly mounts: Pick<Mounts, "mount" | "unmount" | "list">;
  readonly processes: Pick<Processes, "run">;
  /** `<data root>/volumes`. */
  readonly directory: string;
  readonly randomBytes: RandomBytes;
}

/** Opens the volumes of an engine, and completes removals and copies that a crash interrupted. */
export async function openVolumes(options: OpenVolumesOptions): Promise<Volumes> {
  mkdirSync(options.directory, { recursive: true, mode: 0o701 });
  const volumes = new LocalVolumes({
    ...options,
    volumes: options.store.collection(VOLUMES),
    users: options.store.collection(VOLUME_USERS),
  });
  await volumes.recover();
  return volumes;
}
