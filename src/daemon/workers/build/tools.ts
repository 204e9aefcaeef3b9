import type { ArchiveSyscalls } from "#host/archive/syscalls.ts";
import type { Libc } from "#host/linux/ffi/libc.ts";

/** System calls that the jobs need. */
export interface BuildTools {
  readonly libc: Libc;
  readonly syscalls: ArchiveSyscalls;
}
