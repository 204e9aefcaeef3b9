// `stats` against the cgroup's own files, of a container that is paused: nothing moves meanwhile.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const MIB = 1024 * 1024;
const TICK_NANOS = 10_000_000;

interface Stats {
  readonly pids_stats: unknown;
  readonly cpu_stats: {
    readonly cpu_usage: Readonly<Record<string, unknown>>;
    readonly throttling_data: unknown;
    readonly online_cpus: number;
    readonly system_cpu_usage: number;
  };
  readonly memory_stats: {
    readonly usage: number;
    readonly max_usage?: number;
    readonly limit: number;
    readonly stats: Readonly<Record<string, number>>;
  };
  readonly blkio_stats: {
    readonly io_service_bytes_recursive: readonly { readonly op: string; readonly value: number }[];
  };
  readonly networks: Readonly<
    Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>
  >;
}

/** `name value` lines. */
function keyed(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries(
    text
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .map(([name = "", value]) => [name, Number(value)]),
  );
}

test("each number is what the kernel's files say", async () => {
  await engine.mustDocker(
    ...[
      "run",
      "-d",
      "--name",
      "busy",
      "-m",
      "64m",
      "--cpus",
      "0.5",
      "--pids-limit",
      "40",
      "busybox",
      "sh",
      "-c",
    ],
    "dd if=/dev/zero of=/x bs=1M count=3 2>/dev/null; sync; sleep 1000 & echo up; while :; do :; done",
  );
  await waitUntil("it is up", async () => (await engine.mustDocker("logs", "busy")) === "up");
  await engine.mustDocker("pause", "busy");
  const id = await engine.mustDocker("inspect", "-f", "{{.Id}}", "busy");
  const isV2 = (await engine.mustDocker("info", "-f", "{{.CgroupVersion}}")) === "2";
  const root = "/sys/fs/cgroup";
  const read = (controller: string, file: string): string =>
    readFileSync(`${root}/${isV2 ? "" : `${controller}/`}wharf/${id}/${file}`, "utf8").trim();
  let cpuStat = "";
  // a period of its quota may end after the pause
  const stats = await waitUntil("the same before and after", async () => {
    cpuStat = read("cpu", "cpu.stat");
    const response = await engine.api("GET", "/containers/busy/stats?stream=0&one-shot=1");
    const answer = (await response.json()) as Stats;
    return cpuStat === read("cpu", "cpu.stat") ? answer : undefined;
  });

  expect(stats.pids_stats).toEqual({ current: 2, limit: 40 });
  expect(stats.memory_stats.limit).toBe(64 * MIB);
  const usage = read("memory", isV2 ? "memory.current" : "memory.usage_in_bytes");
  // the kernel goes on writing back
  expect(Math.abs(stats.memory_stats.usage - Number(usage))).toBeLessThan(4 * MIB);
  const memory = keyed(read("memory", "memory.stat"));
  const anonymous = isV2 ? "anon" : "total_rss";
  expect(stats.memory_stats.stats[anonymous]).toBe(memory[anonymous]);
  expect(Object.keys(stats.memory_stats.stats).sort()).toEqual(Object.keys(memory).sort());
  expect(stats.cpu_stats.online_cpus).toBe(navigator.hardwareConcurrency);
  if (isV2) {
    const cpu = keyed(cpuStat);
    expect(stats.cpu_stats.cpu_usage).toEqual({
      total_usage: (cpu["usage_usec"] ?? 0) * 1000,
      usage_in_kernelmode: (cpu["system_usec"] ?? 0) * 1000,
      usage_in_usermode: (cpu["user_usec"] ?? 0) * 1000,
    });
    expect(stats.cpu_stats.throttling_data).toEqual({
      periods: cpu["nr_periods"],
      throttled_periods: cpu["nr_throttled"],
      throttled_time: (cpu["throttled_usec"] ?? 0) * 1000,
    });
    expect(stats.memory_stats.max_usage).toBeUndefined();
  } else {
    const times = keyed(read("cpuacct", "cpuacct.stat"));
    expect(stats.cpu_stats.cpu_usage).toEqual({
      total_usage: Number(read("cpuacct", "cpuacct.usage")),
      percpu_usage: read("cpuacct", "cpuacct.usage_percpu").split(" ").map(Number),
      usage_in_kernelmode: (times["system"] ?? 0) * TICK_NANOS,
      usage_in_usermode: (times["user"] ?? 0) * TICK_NANOS,
    });
    const throttling = keyed(cpuStat);
    expect(stats.cpu_stats.throttling_data).toEqual({
      periods: throttling["nr_periods"],
      throttled_periods: throttling["nr_throttled"],
      throttled_time: throttling["throttled_time"],
    });
    expect(stats.memory_stats.max_usage).toBe(Number(read("memory", "memory.max_usage_in_bytes")));
    const served = [
      ...read("blkio", "blkio.throttle.io_service_bytes_recursive").matchAll(
        /^\d+:\d+ (\w+) (\d+)$/gm,
      ),
    ].map(([, op, value]) => `${op} ${value}`);
    const shown = stats.blkio_stats.io_service_bytes_recursive.map(
      ({ op, value }) => `${op} ${value}`,
    );
    expect(shown.filter((line) => line.startsWith("Read"))).toEqual(
      served.filter((line) => line.startsWith("Read")),
    );
    expect(shown.length).toBe(served.length);
  }
  const received = await Bun.file(`/proc/${await pidOf("busy")}/net/dev`).text();
  const eth0 = /eth0:\s*(\d+)(?:\s+\d+){7}\s+(\d+)/.exec(received);
  expect(stats.networks["eth0"]?.tx_bytes).toBe(Number(eth0?.[2]));
  await engine.mustDocker("rm", "-f", "busy");
});

async function pidOf(name: string): Promise<number> {
  return Number(await engine.mustDocker("inspect", "-f", "{{.State.Pid}}", name));
}
