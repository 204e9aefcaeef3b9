import type { ContentStore } from "#content/content.ts";
import type { Clock } from "#host/clock.ts";
import type { Mounts } from "#host/mounts.ts";
import type { Images } from "#images/images.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import type { RandomBytes } from "#spec/ids.ts";
import type { Platform } from "#spec/platform.ts";
import type { BuildRecords } from "./cache/records.ts";
import type { BuildFiles } from "./files/build-workers.ts";
import type { ImageSource } from "./sources/image-source.ts";
import type { StepRunner } from "./solver/step-runner.ts";

/** What the builder stands on. */
export interface BuilderParts {
  readonly records: BuildRecords;
  readonly images: Images;
  readonly imageSource: ImageSource;
  readonly snapshots: Snapshotter;
  readonly content: ContentStore;
  readonly files: BuildFiles;
  readonly steps: StepRunner;
  readonly mounts: Pick<Mounts, "mountOverlay" | "unmount">;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** `<data root>/builder`: cache mounts, contexts. */
  readonly directory: string;
  /** On a tmpfs: what must never reach a disk. */
  readonly runDirectory: string;
  /** The host's. */
  readonly platform: Platform;
}
