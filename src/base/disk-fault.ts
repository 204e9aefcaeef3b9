/** What a file system says when it cannot take what is written: full, over quota, read-only, broken. */
export type DiskFaultCode = "ENOSPC" | "EDQUOT" | "EROFS" | "EIO";

export interface DiskFault {
  readonly code: DiskFaultCode;
  /** File that it was said of; undefined when the error does not tell. */
  readonly path?: string;
}

const CODES: Readonly<Record<string, DiskFaultCode>> = {
  ENOSPC: "ENOSPC",
  EDQUOT: "EDQUOT",
  EROFS: "EROFS",
  EIO: "EIO",
  SQLITE_FULL: "ENOSPC",
  SQLITE_READONLY: "EROFS",
};
/** An error whose cause has a cause has one …: enough for every chain of ours. */
const MAX_DEPTH = 8;

/** The fault of a file system that an error, or one of its causes, comes from. */
export function diskFaultOf(thrown: unknown): DiskFault | undefined {
  let error = thrown;
  for (let depth = 0; depth < MAX_DEPTH && error instanceof Error; depth++) {
    const code = "code" in error && typeof error.code === "string" ? error.code : "";
    const fault = CODES[code] ?? (code.startsWith("SQLITE_IOERR") ? "EIO" : undefined);
    if (fault !== undefined) {
      const path = "path" in error && typeof error.path === "string" ? error.path : undefined;
      return { code: fault, ...(path === undefined ? {} : { path }) };
    }
    error = error.cause;
  }
  return undefined;
}

/** What strerror(3) calls them in a child process's output. */
const TEXTS: readonly (readonly [text: string, code: DiskFaultCode])[] = [
  ["No space left on device", "ENOSPC"],
  ["Disk quota exceeded", "EDQUOT"],
  ["Read-only file system", "EROFS"],
  ["Input/output error", "EIO"],
];

/** Marks an error by what a child process, run with `LC_ALL=C`, said of the disk. */
export function markDiskFault<E extends Error>(error: E, childOutput: string): E {
  const found = TEXTS.find(([text]) => childOutput.includes(text));
  return found ? Object.assign(error, { code: found[1] }) : error;
}
