import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseStatsV1 } from "./stats-v1.ts";
import { parseStatsV2 } from "./stats-v2.ts";

const HOST_MEMORY_BYTES = 25_276_514_304;

function readV1(_controller: string, file: string): string | undefined {
  const path = join(import.meta.dir, "testdata/v1", file);
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

describe("parseStatsV1()", () => {
  test("reads a group of Linux 6.18 with limits", () => {
    const stats = parseStatsV1(readV1, HOST_MEMORY_BYTES);
    expect(stats.cpu).toEqual({
      usageNanos: 666_130_216,
      userNanos: 560_000_000,
      systemNanos: 100_000_000,
      perCpuNanos: [375_043_787, 294_024_818],
      periods: 34,
      throttledPeriods: 33,
      throttledNanos: 2_458_530_437,
    });
    expect(stats.memory).toMatchObject({
      usageBytes: 569_344,
      maxUsageBytes: 1_855_488,
      limitBytes: 19_996_672,
      failCount: 0,
    });
    expect(stats.memory?.stats["total_inactive_file"]).toBe(20_480);
    expect(stats.pids).toEqual({ current: 2, limit: 100 });
    expect(stats.blockIo).toBeUndefined();
  });

  test("takes the host's memory for no limit, and leaves out what has no controller", () => {
    const files: Record<string, string> = {
      "memory.usage_in_bytes": "1\n",
      "memory.limit_in_bytes": "9223372036854771712\n",
      "pids.current": "1\n",
      "pids.max": "max\n",
    };
    expect(parseStatsV1((_, file) => files[file], HOST_MEMORY_BYTES)).toEqual({
      memory: { usageBytes: 1, limitBytes: HOST_MEMORY_BYTES, stats: {} },
      pids: { current: 1 },
    });
  });

  test("reads block I/O from the layer that counts", () => {
    const files: Record<string, string> = {
      "blkio.throttle.io_service_bytes_recursive": "Total 0\n",
      "blkio.throttle.io_serviced_recursive": "Total 0\n",
      "blkio.bfq.io_service_bytes_recursive":
        "254:0 Read 8192\n254:0 Write 4096\n254:0 Sync 12288\n254:0 Total 12288\nTotal 12288\n",
      "blkio.bfq.io_serviced_recursive": "254:0 Read 2\n254:0 Write 1\n254:0 Total 3\nTotal 3\n",
    };
    expect(parseStatsV1((_, file) => files[file], HOST_MEMORY_BYTES).blockIo).toEqual([
      { major: 254, minor: 0, op: "Read", bytes: 8192, operations: 2 },
      { major: 254, minor: 0, op: "Write", bytes: 4096, operations: 1 },
      { major: 254, minor: 0, op: "Sync", bytes: 12_288, operations: 0 },
      { major: 254, minor: 0, op: "Total", bytes: 12_288, operations: 3 },
    ]);
  });
});

describe("parseStatsV2()", () => {
  test("reads what cgroup-v2.rst describes", () => {
    const files: Record<string, string> = {
      "cpu.stat":
        "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 10\nnr_throttled 2\nthrottled_usec 70\n",
      "memory.current": "1048576\n",
      "memory.max": "max\n",
      "memory.events": "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n",
      "memory.stat": "anon 4096\nfile 8192\ninactive_file 100\n",
      "pids.current": "5\n",
      "pids.max": "100\n",
      "io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n8:16 \n",
    };
    expect(parseStatsV2((file) => files[file], HOST_MEMORY_BYTES)).toEqual({
      cpu: {
        usageNanos: 1_500_000,
        userNanos: 1_000_000,
        systemNanos: 500_000,
        periods: 10,
        throttledPeriods: 2,
        throttledNanos: 70_000,
      },
      memory: {
        usageBytes: 1_048_576,
        limitBytes: HOST_MEMORY_BYTES,
        failCount: 1,
        stats: { anon: 4096, file: 8192, inactive_file: 100 },
      },
      pids: { current: 5, limit: 100 },
      blockIo: [
        { major: 8, minor: 0, op: "read", bytes: 1, operations: 3 },
        { major: 8, minor: 0, op: "write", bytes: 2, operations: 4 },
        { major: 8, minor: 16, op: "read", bytes: 0, operations: 0 },
        { major: 8, minor: 16, op: "write", bytes: 0, operations: 0 },
      ],
    });
    expect(parseStatsV2(() => undefined, HOST_MEMORY_BYTES)).toEqual({});
  });
});
