import type { Clock } from "#host/clock.ts";
import type { Files } from "#host/files.ts";
import type { Mounts } from "#host/mounts.ts";
import type { Processes } from "#host/processes.ts";
import type { RandomBytes } from "#spec/ids.ts";
import type { Store } from "#store/store.ts";

/** What every driver is opened with. */
export interface SnapshotterOptions {
  /** The engine's data root; the driver's own folder is in it, by the driver's name. */
  readonly root: string;
  readonly store: Store;
  readonly mounts: Mounts;
  readonly files: Files;
  readonly processes: Pick<Processes, "run">;
  readonly clock: Pick<Clock, "nowMs">;
  readonly randomBytes: RandomBytes;
  /** Told of a folder that could not be deleted; it is tried again at the next start. */
  readonly onTrashFailure: (path: string, error: unknown) => void;
}
