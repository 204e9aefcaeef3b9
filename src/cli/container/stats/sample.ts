/** What is read of one message of `GET /containers/{id}/stats`; parts are missing when not running. */
export interface StatsMessage {
  readonly id?: string;
  readonly name?: string;
  readonly cpu_stats?: CpuStats;
  /** Of the message before; empty in the first. */
  readonly precpu_stats?: CpuStats;
  readonly memory_stats?: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>>;
  };
  readonly networks?: Readonly<
    Record<string, { readonly rx_bytes?: number; readonly tx_bytes?: number }>
  >;
  readonly blkio_stats?: {
    readonly io_service_bytes_recursive?:
      | readonly { readonly op?: string; readonly value?: number }[]
      | null;
  };
  readonly pids_stats?: { readonly current?: number };
}

interface CpuStats {
  readonly cpu_usage?: {
    readonly total_usage?: number;
    readonly percpu_usage?: readonly number[] | null;
  };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
}

/** One container's use of resources, in bytes, as docker computes it. */
export interface UsageSample {
  readonly id: string;
  readonly name: string;
  /** Of one processor: two busy ones are 200. */
  readonly cpuPercent: number;
  /** Without the cache that the kernel can drop. */
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly memoryPercent: number;
  readonly networkReceivedBytes: number;
  readonly networkSentBytes: number;
  readonly blockReadBytes: number;
  readonly blockWrittenBytes: number;
  readonly processes: number;
}

export function usageOf(stats: StatsMessage): UsageSample {
  const memoryLimitBytes = stats.memory_stats?.limit ?? 0;
  const memoryBytes = memoryWithoutCache(stats.memory_stats);
  const networks = Object.values(stats.networks ?? {});
  return {
    id: stats.id ?? "",
    name: stats.name ?? "",
    cpuPercent: cpuPercent(stats),
    memoryBytes,
    memoryLimitBytes,
    memoryPercent: memoryLimitBytes === 0 ? 0 : (memoryBytes / memoryLimitBytes) * 100,
    networkReceivedBytes: sum(networks.map((one) => one.rx_bytes ?? 0)),
    networkSentBytes: sum(networks.map((one) => one.tx_bytes ?? 0)),
    blockReadBytes: blockBytes(stats, "r"),
    blockWrittenBytes: blockBytes(stats, "w"),
    processes: stats.pids_stats?.current ?? 0,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The container's share of the time of all processors since the sample before. */
function cpuPercent({ cpu_stats: now, precpu_stats: before }: StatsMessage): number {
  const used = (now?.cpu_usage?.total_usage ?? 0) - (before?.cpu_usage?.total_usage ?? 0);
  const passed = (now?.system_cpu_usage ?? 0) - (before?.system_cpu_usage ?? 0);
  const processors = now?.online_cpus || (now?.cpu_usage?.percpu_usage?.length ?? 0);
  return used > 0 && passed > 0 ? (used / passed) * processors * 100 : 0;
}

/** Cgroup v1 counts the cache as `total_inactive_file`, v2 as `inactive_file`. */
function memoryWithoutCache(memory: StatsMessage["memory_stats"]): number {
  const usage = memory?.usage ?? 0;
  const cached = memory?.stats?.["total_inactive_file"] ?? memory?.stats?.["inactive_file"] ?? 0;
  return cached < usage ? usage - cached : usage;
}

function blockBytes(stats: StatsMessage, operation: "r" | "w"): number {
  const entries = stats.blkio_stats?.io_service_bytes_recursive ?? [];
  return sum(
    entries
      .filter(({ op }) => op?.toLowerCase().startsWith(operation))
      .map(({ value }) => value ?? 0),
  );
}
