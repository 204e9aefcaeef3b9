import { InvalidArgumentError } from "#base/errors.ts";
import { parseBinarySize } from "#base/sizes.ts";
import type { LogOptions } from "#logs/logs.ts";
import { parseGoBoolean, parseGoInteger, withPrefix } from "./values.ts";

/** How much of a log is kept in files. */
export interface FileLimits {
  /** Absent: without end. */
  readonly maxBytes?: number;
  readonly maxFiles: number;
  readonly isCompressed: boolean;
}

/**
 * What Docker's `local` keeps, and here `json-file` too: there a container that writes for ever fills the disk
 * unless the user has thought of it.
 */
const DEFAULT_MAX_BYTES = 20 * 1024 * 1024;
const DEFAULT_MAX_FILES = 5;

/**
 * Of `json-file`. `max-size=-1` keeps all.
 *
 * @throws {InvalidArgumentError} In Docker's words.
 */
export function jsonFileLimits(options: LogOptions): FileLimits {
  const size = options["max-size"];
  const count = options["max-file"];
  const maxFiles = count === undefined ? undefined : parseGoInteger(count, "Atoi");
  if (maxFiles !== undefined && maxFiles < 1) {
    throw new InvalidArgumentError("max-file cannot be less than 1");
  }
  const maxBytes = size === undefined ? undefined : parseBinarySize(size === "-1" ? "0" : size);
  if (maxBytes === 0 && size !== "-1") {
    throw new InvalidArgumentError("max-size must be a positive number");
  }
  const compress = options["compress"];
  const isCompressed = compress === undefined ? false : parseGoBoolean(compress);
  if (isCompressed && (maxBytes === undefined || maxBytes === 0 || (maxFiles ?? 1) < 2)) {
    throw new InvalidArgumentError(
      "compress cannot be true when max-file is less than 2 or max-size is not set",
    );
  }
  if (size === "-1") return { maxFiles: 1, isCompressed };
  // Who names a size without a number has one file, as in Docker.
  const files = maxFiles ?? (maxBytes === undefined ? DEFAULT_MAX_FILES : 1);
  return { maxBytes: maxBytes ?? DEFAULT_MAX_BYTES, maxFiles: files, isCompressed };
}

/**
 * Of `local`, and with `prefix` `cache-` of the copy that drivers which send logs away keep.
 *
 * @throws {InvalidArgumentError} In Docker's words.
 */
export function localLimits(options: LogOptions, prefix: "" | "cache-" = ""): FileLimits {
  const size = options[`${prefix}max-size`];
  const count = options[`${prefix}max-file`];
  const compress = options[`${prefix}compress`];
  const maxBytes =
    size === undefined
      ? DEFAULT_MAX_BYTES
      : withPrefix(`invalid value for max-size: ${size}: `, () => parseBinarySize(size));
  const maxFiles =
    count === undefined
      ? DEFAULT_MAX_FILES
      : withPrefix(`invalid value for max-file: ${count}: `, () => parseGoInteger(count, "Atoi"));
  const isCompressed =
    compress === undefined
      ? true
      : withPrefix("error reading compress log option: ", () => parseGoBoolean(compress));
  if (isCompressed && maxFiles < 2) {
    throw new InvalidArgumentError("compression cannot be enabled when max file count is 1");
  }
  return {
    ...(maxBytes === 0 ? {} : { maxBytes }),
    maxFiles: Math.max(1, maxFiles),
    isCompressed,
  };
}
