import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus, hostname, machine, release, totalmem, version } from "node:os";
import type { System } from "#host/system.ts";
import { parseBoundingSet } from "./processes/capabilities.ts";
import { systemError } from "./ffi/errno.ts";
import type { Libc } from "./ffi/libc.ts";
import { parseCpuUsageNanos, parseGroupId, parseOsRelease } from "./system-files.ts";

/** Resources of getrlimit(2) by number, in the order of asm-generic/resource.h. */
const LIMIT_NAMES = [
  "cpu",
  "fsize",
  "data",
  "stack",
  "core",
  "rss",
  "nproc",
  "nofile",
  "memlock",
  "as",
  "locks",
  "sigpending",
  "msgqueue",
  "nice",
  "rtprio",
  "rttime",
] as const;
const RLIM_INFINITY = 2n ** 64n - 1n;

/** Reads the facts that stay; what says "now" is read at each call. */
export function openSystem(libc: Libc): System {
  const os = parseOsRelease(readFirst(["/etc/os-release", "/usr/lib/os-release"]));
  const status = readFileSync("/proc/self/status", "utf8");
  const modules = readFirst(["/sys/kernel/security/lsm"]).trim().split(",");
  return {
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    hostname: hostname(),
    kernelRelease: release(),
    kernelVersion: version(),
    machine: machine(),
    osName: os.name,
    osVersion: os.version,
    cpuCount: cpus().length,
    memoryBytes: totalmem(),
    isRoot: process.geteuid?.() === 0,
    capabilities: parseBoundingSet(status),
    securityModules: {
      seccomp: /^Seccomp:/m.test(status),
      apparmor: modules.includes("apparmor") || existsSync("/sys/kernel/security/apparmor"),
      selinux: modules.includes("selinux") || existsSync("/sys/fs/selinux/enforce"),
    },
    limits: readLimits(libc),
    cpuUsageNanos: () => parseCpuUsageNanos(readFileSync("/proc/stat", "utf8")),
    groupId: (name) => parseGroupId(readFirst(["/etc/group"]), name),
    ownUsage: () => ({
      openFiles: readdirSync("/proc/self/fd").length,
      residentBytes: process.memoryUsage.rss(),
    }),
  };
}

function readLimits(libc: Libc): System["limits"] {
  const limits: Record<string, { readonly soft: number; readonly hard: number }> = {};
  const pair = new BigUint64Array(2);
  for (const [resource, name] of LIMIT_NAMES.entries()) {
    if (libc.call.prlimit(0, resource, null, pair) !== 0) {
      throw systemError(`Cannot read limit "${name}"`, libc.errno());
    }
    const [soft = 0n, hard = 0n] = pair;
    limits[name] = { soft: toLimit(soft), hard: toLimit(hard) };
  }
  return limits;
}

function toLimit(value: bigint): number {
  return value === RLIM_INFINITY ? Number.POSITIVE_INFINITY : Number(value);
}

/** The first file of `paths` that is there; empty when none is. */
function readFirst(paths: readonly string[]): string {
  const path = paths.find((each) => existsSync(each));
  return path === undefined ? "" : readFileSync(path, "utf8");
}
