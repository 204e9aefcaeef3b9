import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";
import {
  ConflictError,
  FailedPreconditionError,
  NotFoundError,
  PermissionDeniedError,
  ResourceExhaustedError,
  UnavailableError,
  UnsupportedError,
  type WharfError,
} from "#base/errors.ts";

/** Numbers by name, as this machine has them. */
export const errnos: typeof constants.errno = constants.errno;

/**
 * The error for a failed system call.
 *
 * @param attempt What was tried on what: `Cannot mount overlay on "/x"`.
 * @param errno As the call left it, positive.
 * @param detail The kernel's own words where it gives some, such as a file system's mount log.
 */
export function systemError(attempt: string, errno: number, detail?: string): WharfError {
  const reason = detail === undefined ? describe(errno) : `${describe(errno)}: ${detail}`;
  const Kind = kindOf(errno);
  return new Kind(`${attempt}: ${reason}`);
}

/** `no such file or directory (ENOENT)`. */
export function describe(errno: number): string {
  const entry = getSystemErrorMap().get(-errno);
  return entry === undefined ? `errno ${errno}` : `${entry[1]} (${entry[0]})`;
}

/** The `errno` of an error that Bun or node threw for a system call; undefined for any other. */
export function errnoOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !("errno" in thrown)) return undefined;
  return typeof thrown.errno === "number" ? Math.abs(thrown.errno) : undefined;
}

function kindOf(errno: number): new (message: string) => WharfError {
  switch (errno) {
    case errnos.ENOENT:
    case errnos.ENODEV:
    case errnos.ESRCH:
    case errnos.ENXIO:
    case errnos.EADDRNOTAVAIL:
      return NotFoundError;
    case errnos.EEXIST:
    case errnos.EBUSY:
    case errnos.ENOTEMPTY:
    case errnos.EADDRINUSE:
      return ConflictError;
    case errnos.EPERM:
    case errnos.EACCES:
    case errnos.EROFS:
      return PermissionDeniedError;
    case errnos.ENOSPC:
    case errnos.EDQUOT:
    case errnos.ENOMEM:
    case errnos.EMFILE:
    case errnos.ENFILE:
    case errnos.ENOBUFS:
      return ResourceExhaustedError;
    case errnos.ENOSYS:
    case errnos.EOPNOTSUPP:
    case errnos.EPROTONOSUPPORT:
    case errnos.EAFNOSUPPORT:
      return UnsupportedError;
    case errnos.EAGAIN:
    case errnos.ECONNREFUSED:
    case errnos.ECONNRESET:
    case errnos.EPIPE:
    case errnos.ETIMEDOUT:
      return UnavailableError;
    default:
      return FailedPreconditionError;
  }
}
