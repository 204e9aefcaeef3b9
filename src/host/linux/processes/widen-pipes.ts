import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Libc } from "#host/linux/ffi/libc.ts";

const F_SETPIPE_SZ = 1031;
const { O_WRONLY, O_NONBLOCK } = constants;
const ACCESS_MODE = 3;

/** Resizes the pipes that a process has open for writing; what the kernel refuses stays as it is. */
export function widenWrittenPipes(libc: Libc, pid: number, sizeBytes: number): void {
  for (const name of tryRead(() => readdirSync(`/proc/${pid}/fd`)) ?? []) {
    tryRead(() => {
      if (isWrittenPipe(pid, name)) resize(libc, `/proc/${pid}/fd/${name}`, sizeBytes);
    });
  }
}

function isWrittenPipe(pid: number, name: string): boolean {
  if (!readlinkSync(`/proc/${pid}/fd/${name}`).startsWith("pipe:")) return false;
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${name}`, "latin1"));
  return (Number.parseInt(flags?.[1] ?? "0", 8) & ACCESS_MODE) === O_WRONLY;
}

function resize(libc: Libc, path: string, sizeBytes: number): void {
  const descriptor = openSync(path, O_WRONLY | O_NONBLOCK);
  try {
    libc.call.fcntl(descriptor, F_SETPIPE_SZ, sizeBytes);
  } finally {
    closeSync(descriptor);
  }
}

/** @returns Undefined where it is gone, or belongs to somebody else. */
function tryRead<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}
