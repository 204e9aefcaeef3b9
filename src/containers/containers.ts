import type { Fault } from "#base/fault.ts";
import type { LogBatch, LogReadRequest } from "#logs/logs.ts";
import type { AttachOptions, AttachStream } from "#runtime/runtime.ts";
import type { Sandbox } from "#networks/networks.ts";
import type { Filters } from "#spec/engine-api/filters.ts";
import type { ContainerId, ExecId } from "#spec/ids.ts";
import type { CheckpointChoice, CheckpointRequest } from "#spec/engine-api/checkpoint.ts";
import type { ContainerCreateRequest } from "#spec/engine-api/container-create.ts";
import type { ContainerUpdateRequest } from "#spec/engine-api/container-update.ts";
import type { ExecConfig } from "#spec/engine-api/exec-config.ts";
import type { CgroupStats } from "#host/cgroups.ts";
import type { InterfaceCounters, NetworkRecord, NetworkRequest } from "#networks/networks.ts";
import type { EndpointSettings } from "#spec/engine-api/networking-config.ts";
import type { Digest } from "#spec/digest.ts";
import type { PathStat } from "#spec/engine-api/path-stat.ts";
import type { ContainerRecord } from "./container.ts";
import type { ContainerHealth } from "./health/health.ts";
import type { ArchiveTarget, CommitContainerRequest } from "./files/requests.ts";
import type { FilesOutput } from "./files/workers.ts";

/** A record with what only the running engine knows. */
export interface ContainerDetails {
  readonly record: ContainerRecord;
  readonly sandbox?: Sandbox;
  /** Of each network in its configuration: its id where known, and the container's names there. */
  readonly networkFacts?: Readonly<
    Record<string, { readonly networkId: string; readonly dnsNames: readonly string[] }>
  >;
  /** Absent without a check, and before the first start. */
  readonly health?: ContainerHealth;
  /** Legacy links: `/db:/web/database`. */
  readonly links: readonly string[];
  /** More names, by the links of others: `web/database`. */
  readonly linkNames: readonly string[];
  readonly execIds: readonly ExecId[];
  readonly logPath: string;
  readonly hostnamePath: string;
  readonly hostsPath: string;
  readonly resolvConfPath: string;
  readonly storageDriver: string;
  /** From `get` alone; `list` leaves it empty. */
  readonly graphData: Readonly<Record<string, string>>;
  readonly sizes?: { readonly writableBytes: number; readonly rootfsBytes: number };
}

export interface ExecDetails {
  readonly id: ExecId;
  readonly containerId: ContainerId;
  readonly config: ExecConfig;
  readonly status: "created" | "running" | "exited";
  readonly pid: number;
  readonly exitCode?: number;
  /** Of a health check: it ends with the engine that started it. */
  readonly isProbe?: true;
}

export type WaitCondition = "not-running" | "next-exit" | "removed";

export interface WaitResult {
  readonly exitCode: number;
  readonly error?: string;
}

export interface ContainerStatsSample {
  readonly id: ContainerId;
  readonly name: string;
  readonly readNanos: bigint;
  readonly cgroup: CgroupStats;
  readonly hostCpuNanos: number;
  readonly onlineCpus: number;
  readonly networks: Readonly<Record<string, InterfaceCounters>>;
  /** False for a container that does not run: all zero then. */
  readonly isRunning: boolean;
}

/** What users do with containers. `reference` is a name, an id or an unambiguous id prefix everywhere. */
export interface Containers {
  /**
   * Validated request in, a `created` container out, with its snapshot and volumes.
   * @throws {NotFoundError} No such image. {ConflictError} The name is taken, by whom.
   */
  create(
    request: {
      readonly name?: string;
      readonly platform?: string;
      readonly body: ContainerCreateRequest;
    },
    signal: AbortSignal,
  ): Promise<{ readonly id: ContainerId; readonly warnings: readonly string[] }>;
  /**
   * @param checkpoint To go on from, instead of anew.
   * @throws {NotModifiedError} It runs already.
   */
  start(reference: string, signal: AbortSignal, checkpoint?: CheckpointChoice): Promise<void>;
  /** Writes its processes down. @throws {UnsupportedError} This host cannot, and why. */
  createCheckpoint(reference: string, request: CheckpointRequest): Promise<void>;
  /** @param directory Instead of the container's own folder. @returns Names. */
  listCheckpoints(reference: string, directory: string | undefined): readonly string[];
  /** @throws {NotFoundError} */
  removeCheckpoint(reference: string, choice: CheckpointChoice): Promise<void>;
  /** @param timeoutSeconds Grace before SIGKILL; -1 waits for ever; the container's own when absent. */
  stop(
    reference: string,
    options: { readonly timeoutSeconds?: number; readonly signal?: string },
  ): Promise<void>;
  restart(
    reference: string,
    options: { readonly timeoutSeconds?: number; readonly signal?: string },
  ): Promise<void>;
  kill(reference: string, signal: string): Promise<void>;
  pause(reference: string): Promise<void>;
  unpause(reference: string): Promise<void>;
  rename(reference: string, name: string): Promise<void>;
  /**
   * Gives a volume another name, in the containers that have it too.
   *
   * @throws {ConflictError} A container that has it runs.
   */
  renameVolume(name: string, newName: string): Promise<void>;
  /** @throws As `Networks.create`. */
  createNetwork(request: NetworkRequest): Promise<NetworkRecord>;
  /** @throws {PermissionDeniedError} Predefined, or live containers are on it: they are named. */
  removeNetwork(reference: string): Promise<void>;
  /** Removes the user's networks that no container that runs is on. @returns Their names. */
  pruneNetworks(filters: Filters): Promise<readonly string[]>;
  /** Connects a container: at once where it runs, else from its next start on. */
  connectNetwork(
    network: string,
    request: { readonly container: string; readonly settings: EndpointSettings },
  ): Promise<void>;
  disconnectNetwork(
    network: string,
    request: { readonly container: string; readonly isForced: boolean },
  ): Promise<void>;
  /** Changes it in place. @returns What to tell the user besides. */
  update(reference: string, request: ContainerUpdateRequest): Promise<readonly string[]>;
  remove(
    reference: string,
    options: { readonly force: boolean; readonly volumes: boolean; readonly link: boolean },
  ): Promise<void>;
  /** Stopped containers that match; volumes stay. */
  prune(
    filters: Filters,
  ): Promise<{ readonly ids: readonly string[]; readonly reclaimedBytes: number }>;
  /** What is not as the records say: leaks, and records of nothing. Looks, and changes nothing. */
  audit(): readonly Fault[];
  /** Every record, those on their way in or out included. */
  allRecords(): readonly ContainerRecord[];
  /** What `prune` would remove now. */
  previewPrune(filters: Filters): readonly ContainerRecord[];
  list(request: {
    readonly all: boolean;
    readonly limit?: number;
    readonly withSizes: boolean;
    readonly filters: Filters;
  }): Promise<readonly ContainerDetails[]>;
  get(reference: string, options?: { readonly withSizes?: boolean }): Promise<ContainerDetails>;
  /** Id of what `reference` names. */
  resolve(reference: string): ContainerId;
  /**
   * Resolves when the condition holds. The registration is in force when the call returns, before it
   * resolves, so that `wait` then `start` misses nothing.
   */
  wait(reference: string, condition: WaitCondition, signal: AbortSignal): Promise<WaitResult>;
  logs(
    reference: string,
    request: Omit<LogReadRequest, "writerGone">,
    signal: AbortSignal,
  ): {
    readonly terminal: boolean;
    /** As they come off the disk: as many at once as make a batch. */
    readonly batches: AsyncIterable<LogBatch>;
  };
  /**
   * Joins the container's stdio. A container that was created and not yet started is waited for, so
   * that a client attaches first and starts then; it sees the first byte.
   */
  attach(
    reference: string,
    signal: AbortSignal,
    options?: AttachOptions,
  ): Promise<{ readonly terminal: boolean; readonly stream: AttachStream }>;
  resize(
    reference: string,
    size: { readonly columns: number; readonly rows: number },
  ): Promise<void>;
  /** Output of ps(1) with `psArguments` for the container's processes. */
  top(
    reference: string,
    psArguments: string,
  ): Promise<{
    readonly titles: readonly string[];
    readonly processes: readonly (readonly string[])[];
  }>;
  stats(reference: string): Promise<ContainerStatsSample>;
  /**
   * What is at `path` in the container, as the container sees it, running or not. Links on the way are
   * followed inside its root, the last one is not.
   * @throws {NotFoundError} Nothing.
   */
  statPath(reference: string, path: string, signal: AbortSignal): Promise<PathStat>;
  /** `path` with all below it as a tar. The caller disposes of it. */
  readArchive(reference: string, path: string, signal: AbortSignal): Promise<FilesOutput>;
  /**
   * Unpacks a tar (plain, gzip, zstd, bzip2 or xz) into a folder of the container.
   * @throws {InvalidArgumentError} No folder, nothing may be written there, or a tar that leads out of it.
   */
  writeArchive(
    reference: string,
    target: ArchiveTarget,
    archive: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>;
  /** The root file system as a tar, without what is mounted on it. The caller disposes of it. */
  export(reference: string, signal: AbortSignal): Promise<FilesOutput>;
  /** What it changed of its image, as the API's JSON. The caller disposes of it. */
  changes(reference: string, signal: AbortSignal): Promise<FilesOutput>;
  /** Makes an image of its changes. @returns The image's id. */
  commit(reference: string, request: CommitContainerRequest, signal: AbortSignal): Promise<Digest>;
  createExec(reference: string, config: ExecConfig): Promise<ExecId>;
  /**
   * Starts it. Attached, the stream ends with the process; detached, there is none.
   * @throws {ConflictError} Started before, or the container does not run (any more) or is paused.
   */
  startExec(
    execId: string,
    options: {
      readonly detach: boolean;
      readonly terminal: boolean;
      readonly size?: { readonly columns: number; readonly rows: number };
    },
    signal: AbortSignal,
  ): Promise<{ readonly terminal: boolean; readonly stream?: AttachStream }>;
  /** Publishes that a client left an exec by the detach keys; the exec goes on. */
  leaveExec(execId: string): void;
  inspectExec(execId: string): ExecDetails;
  resizeExec(
    execId: string,
    size: { readonly columns: number; readonly rows: number },
  ): Promise<void>;
  /** Makes the world agree with the records after a daemon's or a host's restart; then restart policies run. */
  reconcile(): Promise<void>;
  /** Ends all that run, each with its own grace, together at most `timeoutMs`. Restart policies are held back. */
  stopAll(timeoutMs: number): Promise<void>;
  counts(): { readonly running: number; readonly paused: number; readonly stopped: number };
}
