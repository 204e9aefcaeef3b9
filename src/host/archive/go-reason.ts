import { messageOf } from "#base/errors.ts";
import { describe, errnoOf, errnos } from "#host/linux/ffi/errno.ts";

/** Where Go's words are not those of libuv. */
const GO_WORDS: ReadonlyMap<number, string> = new Map([
  [errnos.EBUSY, "device or resource busy"],
  [errnos.EISDIR, "is a directory"],
  [errnos.ELOOP, "too many levels of symbolic links"],
  [errnos.ENAMETOOLONG, "file name too long"],
  [errnos.EEXIST, "file exists"],
]);

/** Why a file could not be used, as Go's `os` package says it: `permission denied`. */
export function goReason(error: unknown): string {
  const errno = errnoOf(error);
  if (errno !== undefined) {
    return GO_WORDS.get(errno) ?? describe(errno).replace(/ \([A-Z0-9]+\)$/, "");
  }
  return messageOf(error).replace(/^.*: (.*?)(?: \([A-Z0-9]+\))?$/, "$1");
}
