import type {
  ContainerBlkioStatEntry,
  ContainerCPUStats,
  ContainerStatsResponse,
} from "@docker/node-sdk";
import { ZERO_TIME, formatRfc3339 } from "#base/rfc3339.ts";
import type { ContainerStatsSample } from "#containers/containers.ts";
import type { CgroupStats } from "#host/cgroups.ts";
import type { Wire } from "#api/wire.ts";

/** Counts of a container that does not run. */
const NO_CPU: Wire<ContainerCPUStats> = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

function cpuToWire(sample: ContainerStatsSample | undefined): Wire<ContainerCPUStats> {
  const cpu = sample?.cgroup.cpu;
  if (!sample || !cpu) return NO_CPU;
  return {
    cpu_usage: {
      total_usage: cpu.usageNanos,
      ...(cpu.perCpuNanos ? { percpu_usage: [...cpu.perCpuNanos] } : {}),
      usage_in_kernelmode: cpu.systemNanos,
      usage_in_usermode: cpu.userNanos,
    },
    system_cpu_usage: sample.hostCpuNanos,
    online_cpus: sample.onlineCpus,
    throttling_data: {
      periods: cpu.periods,
      throttled_periods: cpu.throttledPeriods,
      throttled_time: cpu.throttledNanos,
    },
  };
}

function memoryToWire(
  memory: CgroupStats["memory"],
): NonNullable<Wire<ContainerStatsResponse>["memory_stats"]> {
  if (!memory) return {};
  return {
    usage: memory.usageBytes,
    ...(memory.maxUsageBytes === undefined ? {} : { max_usage: memory.maxUsageBytes }),
    stats: memory.stats,
    ...(memory.failCount ? { failcnt: memory.failCount } : {}),
    limit: memory.limitBytes,
  };
}

function blkioToWire(
  blockIo: CgroupStats["blockIo"],
): NonNullable<Wire<ContainerStatsResponse>["blkio_stats"]> {
  const entries = (
    value: (entry: NonNullable<CgroupStats["blockIo"]>[number]) => number,
  ): readonly Wire<ContainerBlkioStatEntry>[] | null =>
    blockIo?.map((entry) => ({
      major: entry.major,
      minor: entry.minor,
      op: entry.op,
      value: value(entry),
    })) ?? null;
  const none = blockIo ? [] : null;
  return {
    io_service_bytes_recursive: entries((entry) => entry.bytes),
    io_serviced_recursive: entries((entry) => entry.operations),
    io_queue_recursive: none,
    io_service_time_recursive: none,
    io_wait_time_recursive: none,
    io_merged_recursive: none,
    io_time_recursive: none,
    sectors_recursive: none,
  };
}

function networksToWire(sample: ContainerStatsSample): Wire<ContainerStatsResponse> {
  const names = Object.entries(sample.networks);
  if (!sample.isRunning || names.length === 0) return {};
  return {
    networks: Object.fromEntries(
      names.map(([name, counters]) => [
        name,
        {
          rx_bytes: counters.rxBytes,
          rx_packets: counters.rxPackets,
          rx_errors: counters.rxErrors,
          rx_dropped: counters.rxDropped,
          tx_bytes: counters.txBytes,
          tx_packets: counters.txPackets,
          tx_errors: counters.txErrors,
          tx_dropped: counters.txDropped,
        },
      ]),
    ),
  };
}

/**
 * One document of `GET /containers/{id}/stats`.
 *
 * @param previous The sample before, from which a client computes the share of CPU time.
 */
export function statsToWire(
  sample: ContainerStatsSample,
  previous: ContainerStatsSample | undefined,
): Wire<ContainerStatsResponse> {
  const time = (of: ContainerStatsSample | undefined): string =>
    of?.isRunning ? formatRfc3339(of.readNanos) : ZERO_TIME;
  const { pids } = sample.cgroup;
  return {
    name: `/${sample.name}`,
    id: sample.id,
    read: time(sample),
    preread: time(previous),
    pids_stats: pids
      ? { current: pids.current, ...(pids.limit === undefined ? {} : { limit: pids.limit }) }
      : {},
    blkio_stats: blkioToWire(sample.isRunning ? (sample.cgroup.blockIo ?? []) : undefined),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuToWire(sample.isRunning ? sample : undefined),
    precpu_stats: cpuToWire(previous?.isRunning ? previous : undefined),
    memory_stats: memoryToWire(sample.isRunning ? sample.cgroup.memory : undefined),
    ...networksToWire(sample),
  };
}
