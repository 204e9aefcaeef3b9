import { mkdirSync } from "node:fs";
import type { Clock } from "#host/clock.ts";
import type { Store } from "#store/store.ts";
import { LocalDriver, type LocalDriverOptions } from "./local/local-driver.ts";
import { VOLUME_USERS, VOLUMES } from "./records.ts";
import { VolumeService, type VolumeServiceOptions } from "./service.ts";
import type { Volumes } from "./volumes.ts";

export interface OpenVolumesOptions
  extends LocalDriverOptions,
    Pick<VolumeServiceOptions, "plugins" | "randomBytes" | "onEvent" | "warn"> {
  readonly store: Store;
  readonly clock: Pick<Clock, "nowMs" | "delay">;
}

/** Opens the volumes of an engine, and completes removals and copies that a crash interrupted. */
export async function openVolumes(options: OpenVolumesOptions): Promise<Volumes> {
  mkdirSync(options.directory, { recursive: true, mode: 0o701 });
  const { store } = options;
  const volumes = new VolumeService({
    ...options,
    local: new LocalDriver(options),
    sleep: (delayMs, signal) => options.clock.delay(delayMs, signal),
    volumes: store.collection(VOLUMES),
    users: store.collection(VOLUME_USERS),
  });
  await volumes.recover();
  return volumes;
}
