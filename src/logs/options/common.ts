import { InvalidArgumentError } from "#base/errors.ts";
import { parseBinarySize } from "#base/sizes.ts";
import type { Delivery, LogOptions } from "#logs/logs.ts";
import { booleanOption, withPrefix } from "./values.ts";

/** Options of every driver. */
const DELIVERY_OPTIONS = ["mode", "max-buffer-size"] as const;
/** Options of every driver, of effect where it cannot be read back. */
const CACHE_OPTIONS = [
  "cache-disabled",
  "cache-max-size",
  "cache-max-file",
  "cache-compress",
] as const;

const DEFAULT_BUFFER_BYTES = 1024 * 1024;

/** @throws {InvalidArgumentError} In Docker's words. */
export function readDelivery(options: LogOptions): Delivery {
  const { mode = "blocking", "max-buffer-size": size } = options;
  if (mode !== "blocking" && mode !== "non-blocking" && mode !== "") {
    throw new InvalidArgumentError(`logger: logging mode not supported: ${mode}`);
  }
  const isBlocking = mode !== "non-blocking";
  if (size !== undefined && isBlocking) {
    throw new InvalidArgumentError(
      "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
    );
  }
  const bufferBytes =
    size === undefined
      ? DEFAULT_BUFFER_BYTES
      : withPrefix("error parsing option max-buffer-size: ", () => parseBinarySize(size));
  return { isBlocking, bufferBytes };
}

/** @throws {InvalidArgumentError} In Docker's words. */
export function isCacheDisabled(options: LogOptions): boolean {
  const text = options["cache-disabled"];
  try {
    return booleanOption(options, "cache-disabled", false);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidArgumentError(`invalid value for option cache-disabled: ${text}`, {
      cause: error,
    });
  }
}

/**
 * Those that only the driver itself knows.
 *
 * @throws {InvalidArgumentError} A shared one that cannot be read.
 */
export function withoutCommonOptions(options: LogOptions): LogOptions {
  readDelivery(options);
  isCacheDisabled(options);
  const common: readonly string[] = [...DELIVERY_OPTIONS, ...CACHE_OPTIONS];
  return Object.fromEntries(Object.entries(options).filter(([name]) => !common.includes(name)));
}

/** @throws {InvalidArgumentError} `unknown log opt 'x' for syslog log driver`. */
export function checkNames(driver: string, known: readonly string[], options: LogOptions): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new InvalidArgumentError(
      driver === "local"
        ? `unknown log opt '${name}' for log driver local`
        : `unknown log opt '${name}' for ${driver} log driver`,
    );
  }
}
