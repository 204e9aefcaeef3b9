import type { Libc } from "./ffi/libc.ts";

const SYSLOG_ACTION_READ_ALL = 3;
/** What Debian's kernels keep; one copy of it takes a fraction of a millisecond. */
const TAIL_BYTES = 1 << 18;

/** @returns The end of the kernel's log; empty where this process may not read it. */
export function readKernelLog(libc: Libc): string {
  const tail = new Uint8Array(TAIL_BYTES);
  const length = libc.call.klogctl(SYSLOG_ACTION_READ_ALL, tail, tail.length);
  return length <= 0 ? "" : Buffer.from(tail.buffer, 0, length).toString("latin1");
}

/**
 * Counts the out-of-memory kills of a cgroup by the line that the kernel logs for each:
 * `[ 92.873254] oom-kill:constraint=…,task_memcg=/system.slice/a.scope/container,task=dd,pid=516,uid=0`.
 *
 * @param path With all groups below it.
 * @param sinceSeconds After the boot; a group of the same path may have had others before.
 */
export function countLoggedOomKills(log: string, path: string, sinceSeconds: number): number {
  let count = 0;
  for (const [, seconds, group = ""] of log.matchAll(
    /^(?:<\d+>)?\[ *([\d.]+)\] oom-kill:.*?,task_memcg=([^,]*),/gm,
  )) {
    const isBelow = group === path || group.startsWith(`${path}/`);
    if (isBelow && Number(seconds) >= sinceSeconds) count += 1;
  }
  return count;
}
