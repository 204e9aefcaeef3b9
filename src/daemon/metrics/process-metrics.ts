import { readFileSync } from "node:fs";
import { Gauge, type MetricRegistry } from "#base/metrics.ts";

const MICROSECONDS_PER_SECOND = 1e6;

export interface ProcessSources {
  /** Open now. */
  openFiles(): number;
  /** RLIMIT_NOFILE, soft. */
  readonly maxFiles: number;
}

/** Bytes of a line of /proc/self/status that counts kB. */
function statusBytes(name: string): number {
  const text = readFileSync("/proc/self/status", "latin1");
  return Number(new RegExp(`^${name}:\\s+([0-9]+) kB$`, "m").exec(text)?.[1] ?? 0) * 1024;
}

/** The metrics that every process has by Prometheus's convention. */
export function addProcessMetrics(registry: MetricRegistry, sources: ProcessSources): void {
  const startSeconds = Date.now() / 1000 - process.uptime();
  const gauges: readonly (readonly [name: string, help: string, read: () => number])[] = [
    ["process_resident_memory_bytes", "Resident memory size in bytes", () => statusBytes("VmRSS")],
    ["process_virtual_memory_bytes", "Virtual memory size in bytes", () => statusBytes("VmSize")],
    ["process_open_fds", "Number of open file descriptors", () => sources.openFiles()],
    ["process_max_fds", "Maximum number of open file descriptors", () => sources.maxFiles],
    [
      "process_start_time_seconds",
      "Start time of the process since unix epoch in seconds",
      () => startSeconds,
    ],
  ];
  for (const [name, help, read] of gauges) registry.add(new Gauge(name, help, read));
  registry.add(
    new Gauge(
      "process_cpu_seconds_total",
      "Total user and system CPU time spent in seconds",
      () => {
        const { user, system } = process.cpuUsage();
        return (user + system) / MICROSECONDS_PER_SECOND;
      },
      "counter",
    ),
  );
}
