import type { ContentStore } from "#content/content.ts";
import type { Clock } from "#host/clock.ts";
import type { Processes } from "#host/processes.ts";
import type { Images } from "#images/images.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import type { RandomBytes } from "#spec/ids.ts";
import type { Platform } from "#spec/platform.ts";
import type { KeptSources } from "./cache/kept-sources.ts";
import type { BuildRecords } from "./cache/records.ts";
import type { BuildFiles } from "./files/build-workers.ts";
import type { StepRunner } from "./solver/step-runner.ts";

/** What the builder stands on. */
export interface BuilderParts {
  readonly records: BuildRecords;
  readonly images: Images;
  readonly snapshots: Snapshotter;
  readonly content: ContentStore;
  /** For caches that are elsewhere. */
  readonly registries: Pick<RegistryClient, "repository">;
  readonly files: BuildFiles;
  readonly steps: StepRunner;
  readonly keptSources: KeptSources;
  readonly processes: Pick<Processes, "run">;
  /** A tree as a tar, its names without a folder in front. */
  readonly packTree: (path: string, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** What the disk has left. */
  readonly freeBytes: () => Promise<number>;
  /** What a folder takes on disk. */
  readonly diskBytes: (path: string) => Promise<number>;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** `<data root>/builder`: cache mounts, contexts. */
  readonly directory: string;
  /** On a tmpfs: what must never reach a disk. */
  readonly runDirectory: string;
  /** The host's. */
  readonly platform: Platform;
}
