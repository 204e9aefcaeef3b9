/** How this host mounts cgroups: v1 hierarchies, v1 with an extra v2, or v2 alone. */
export type CgroupLayout = "v1" | "hybrid" | "v2";

/** Counters of one cgroup, in the kernel's own units; absent where its controller is. */
export interface CgroupStats {
  readonly cpu?: {
    readonly usageNanos: number;
    readonly userNanos: number;
    readonly systemNanos: number;
    readonly perCpuNanos?: readonly number[];
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledNanos: number;
  };
  readonly memory?: {
    readonly usageBytes: number;
    /** With v1. */
    readonly maxUsageBytes?: number;
    /** The host's memory when unlimited. */
    readonly limitBytes: number;
    /** Failed attempts at the limit; with v2 those that ended in an out-of-memory. */
    readonly failCount?: number;
    /** memory.stat verbatim. */
    readonly stats: Readonly<Record<string, number>>;
  };
  readonly pids?: { readonly current: number; readonly limit?: number };
  readonly blockIo?: readonly {
    readonly major: number;
    readonly minor: number;
    /** The kernel's word: `read` and `write` with v2; with v1 `Read`, `Write`, and `Sync` to `Total` over these. */
    readonly op: string;
    readonly bytes: number;
    readonly operations: number;
  }[];
}

/** What the controllers of this host can do beyond being there. */
export interface CgroupAbilities {
  /** CPUs and memory nodes that a group may have, as the kernel's lists: `0-1,4`. Absent without cpuset. */
  readonly cpus?: string;
  readonly memoryNodes?: string;
  readonly memory: boolean;
  readonly memoryReservation: boolean;
  /** Swap has a limit of its own. */
  readonly memorySwap: boolean;
  readonly memorySwappiness: boolean;
  readonly oomKillDisable: boolean;
  readonly cpuShares: boolean;
  readonly cpuQuota: boolean;
  /** Time for real-time scheduling is given out to groups. */
  readonly cpuRealtime: boolean;
  readonly pids: boolean;
  /** Block I/O may be shared by weight, in all and for one device. */
  readonly blockIoWeight: boolean;
  readonly blockIoWeightDevice: boolean;
  readonly blockIoThrottle: boolean;
}

/** Limits of a group that the OCI runtimes cannot change. */
export type CgroupLimit =
  | {
      readonly kind: "readBytes" | "writeBytes" | "readOperations" | "writeOperations";
      /** Of a block device. */
      readonly major: number;
      readonly minor: number;
      /** Bytes or operations a second; 0 takes the limit away. */
      readonly rate: number;
    }
  /** The number of processes is not limited any longer. */
  | { readonly kind: "anyProcesses" };

/** Reads and removes cgroups; making them, and most limits, is the OCI runtime's work. */
export interface Cgroups {
  readonly layout: CgroupLayout;
  /** Controllers that are usable: `cpu`, `memory`, `pids`, … */
  readonly controllers: readonly string[];
  abilities(): CgroupAbilities;
  /**
   * Says that a process is about to be put into a group, some milliseconds from now. Where nobody has done so
   * lately the kernel makes the first one wait 5 to 15 ms; that wait then begins at once, and beside other work.
   */
  expectMove(): void;
  /** The same for moves that come at a time that nobody knows: said until it is disposed of. */
  expectMoves(): Disposable;
  /** @param path Below the hierarchies' roots, with a leading slash: `/wharf/<id>`. */
  stats(path: string): CgroupStats;
  /** @throws {FailedPreconditionError} The kernel refuses: no such block device, no such controller. */
  limit(path: string, limits: readonly CgroupLimit[]): void;
  /** Real-time CPU that it may use and hand on in each period, in microseconds; 0 where there is none. */
  realtimeMicros(path: string): number;
  /**
   * Gives it real-time CPU, makes it where it is not there, and so with all above it.
   *
   * @param periodMicros As it is when absent.
   * @throws {FailedPreconditionError} The kernel refuses: more than there is.
   */
  giveRealtime(
    path: string,
    time: { readonly runtimeMicros: number; readonly periodMicros?: number },
  ): void;
  /** All processes in it and below. */
  pids(path: string): readonly number[];
  /**
   * Out-of-memory kills in it. systemd removes a group with its last process: of one that is gone, as far as
   * the kernel's log reaches back.
   *
   * @param sinceSeconds After the boot: earlier ones in the log are those of another group of that path.
   */
  oomKills(path: string, sinceSeconds: number): number;
  exists(path: string): boolean;
  /** Names of the groups directly below. */
  children(path: string): readonly string[];
  /**
   * Removes it from every hierarchy where no process and no other group is in it.
   *
   * @returns Whether it is gone from all.
   */
  removeEmpty(path: string): boolean;
  /** Removes it and what is below from every hierarchy; processes in it must be gone. */
  remove(path: string): void;
  /** SIGKILL to all in it and below (cgroup.kill where there is, else freeze, kill, thaw). */
  kill(path: string): void;
}
