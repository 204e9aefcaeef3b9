import type { Containers } from "#containers/containers.ts";
import type { ContainerDefaults } from "#spec/engine-api/host-config.ts";

/** What the container endpoints need of the engine. */
export type ContainersBackend = Pick<
  Containers,
  | "create"
  | "start"
  | "createCheckpoint"
  | "listCheckpoints"
  | "removeCheckpoint"
  | "stop"
  | "restart"
  | "kill"
  | "pause"
  | "unpause"
  | "rename"
  | "update"
  | "remove"
  | "prune"
  | "list"
  | "get"
  | "resolve"
  | "wait"
  | "logs"
  | "attach"
  | "resize"
  | "top"
  | "stats"
  | "statPath"
  | "readArchive"
  | "writeArchive"
  | "export"
  | "changes"
  | "commit"
  | "createExec"
  | "startExec"
  | "leaveExec"
  | "inspectExec"
  | "resizeExec"
>;

export interface ContainerRoutesOptions {
  readonly containers: ContainersBackend;
  /** Fills in what a create request leaves open. */
  readonly defaults: () => ContainerDefaults;
  /** Bridge that the default network's containers are on; `NetworkSettings.Bridge` before API 1.52. */
  readonly bridgeName: string;
  /** The daemon was started with `--experimental`. */
  readonly isExperimental: boolean;
  /** Milliseconds since the Unix epoch; for `Up 3 minutes`. */
  readonly nowMs: () => number;
  /** Time between two samples of `stats`. */
  readonly statsIntervalMs?: number;
}
