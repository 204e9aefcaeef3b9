import { SQLiteError } from "bun:sqlite";
import {
  ConflictError,
  FailedPreconditionError,
  InternalError,
  PermissionDeniedError,
  ResourceExhaustedError,
  type WharfError,
} from "#base/errors.ts";

/** Primary result codes of SQLite; `errno` may be an extended one, whose low byte is primary. */
const SQLITE_PERM = 3;
const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_NOMEM = 7;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_TOOBIG = 18;
const SQLITE_NOTADB = 26;

/** Runs `work`; what SQLite throws comes out by kind, as `<attempt>: <reason>`. */
export function translated<T>(attempt: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SQLiteError) throw storeError(attempt, error);
    throw error;
  }
}

function storeError(attempt: string, error: SQLiteError): WharfError {
  const message = (reason: string): string => `${attempt}: ${reason} (${error.message})`;
  switch (error.errno & 0xff) {
    case SQLITE_FULL:
      return new ResourceExhaustedError(message("no space left on the disk"), { cause: error });
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return new ResourceExhaustedError(message("too large"), { cause: error });
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return new ConflictError(message("another process holds the file"), { cause: error });
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return new PermissionDeniedError(message("not writable"), { cause: error });
    case SQLITE_CANTOPEN:
      return new FailedPreconditionError(message("the file cannot be opened"), { cause: error });
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new FailedPreconditionError(
        message("the file is damaged or no database; restore it from a backup or move it away"),
        { cause: error },
      );
    case SQLITE_IOERR:
      return new FailedPreconditionError(message("reading or writing the disk failed"), {
        cause: error,
      });
    default:
      return new InternalError(message("unexpected"), { cause: error });
  }
}
