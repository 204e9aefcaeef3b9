import { errnos, systemError } from "#host/linux/ffi/errno.ts";
import { cString, type Libc } from "#host/linux/ffi/libc.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
/** Since Linux 6.3; before, every memory file may be executed and the flag is EINVAL. */
const MFD_EXEC = 0x10;

/**
 * A file of this process's memory that may be executed, by `/proc/<pid>/fd/<descriptor>`.
 *
 * @returns Its descriptor, which the caller closes.
 */
export function openMemoryFile(
  libc: Libc,
  name: string,
  options: { readonly mayBeSealed?: boolean } = {},
): number {
  const flags = MFD_CLOEXEC | (options.mayBeSealed === true ? MFD_ALLOW_SEALING : 0);
  let fd = libc.call.memfd_create(cString(name), flags | MFD_EXEC);
  if (fd < 0 && libc.errno() === errnos.EINVAL) fd = libc.call.memfd_create(cString(name), flags);
  if (fd < 0) throw systemError(`Cannot make a file in memory for ${name}`, libc.errno());
  return fd;
}
