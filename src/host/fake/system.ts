import type { System } from "#host/system.ts";

/** A small Debian machine; what a test gives takes the place of a fact. */
export function fakeSystem(facts: Partial<System> = {}): System {
  return {
    bootId: "00000000-0000-4000-8000-000000000001",
    hostname: "host",
    kernelRelease: "6.1.0-42-amd64",
    kernelVersion: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.159-1 (2025-12-30)",
    machine: "x86_64",
    osName: "Debian GNU/Linux 12 (bookworm)",
    osVersion: "12",
    cpuCount: 2,
    memoryBytes: 4 * 2 ** 30,
    isRoot: true,
    capabilities: ["CAP_CHOWN", "CAP_NET_ADMIN", "CAP_SYS_ADMIN"],
    securityModules: { seccomp: true, apparmor: false, selinux: false },
    limits: {
      nofile: { soft: 1024, hard: 1_048_576 },
      nproc: { soft: 15_000, hard: 15_000 },
      core: { soft: 0, hard: Number.POSITIVE_INFINITY },
    },
    cpuUsageNanos: () => 0,
    groupId: () => undefined,
    ownUsage: () => ({ openFiles: 10, residentBytes: 50_000_000 }),
    ...facts,
  };
}
