import { parseGoDuration } from "#base/durations.ts";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { parseBinarySize } from "#base/sizes.ts";
import type { LogOptions } from "#logs/logs.ts";
import { booleanOption, parseGoInteger, withPrefix } from "#logs/options/values.ts";
import { parseAddress } from "#logs/wire/address.ts";
import type { StreamTarget } from "#logs/wire/stream-connection.ts";

export const FLUENTD_OPTIONS = [
  "fluentd-address",
  "fluentd-async",
  "fluentd-async-reconnect-interval",
  "fluentd-buffer-limit",
  "fluentd-max-retries",
  "fluentd-request-ack",
  "fluentd-retry-wait",
  "fluentd-sub-second-precision",
  "fluentd-write-timeout",
] as const;

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 24224;
const DEFAULT_BUFFERED = 1024 * 1024;
const DEFAULT_RETRY_WAIT_MS = 1000;
/** Reconnecting by time, in Docker's bounds. */
const MIN_RECONNECT_MS = 100;
const MAX_RECONNECT_MS = 10_000;

export interface FluentdOptions {
  readonly target: StreamTarget;
  /** The container starts though nobody listens, and does not wait later. */
  readonly isAsync: boolean;
  /** Events that are kept for a receiver that is down, with `isAsync`. */
  readonly bufferedEvents: number;
  readonly retryWaitMs: number;
  /** Infinite by default. */
  readonly maxRetries: number;
  readonly asksForAck: boolean;
  readonly hasSubSeconds: boolean;
  /** Absent: without end. */
  readonly writeTimeoutMs?: number;
  /** With `isAsync`: a connection is not used longer than this. */
  readonly reconnectMs?: number;
}

/** @throws {InvalidArgumentError} In Docker's words. */
export function parseFluentdOptions(options: LogOptions): FluentdOptions {
  const retries = options["fluentd-max-retries"];
  const buffered = options["fluentd-buffer-limit"];
  const wait = options["fluentd-retry-wait"];
  const timeout = options["fluentd-write-timeout"];
  const target = parseTarget(options["fluentd-address"]);
  const bufferedEvents = buffered ? parseBinarySize(buffered) : DEFAULT_BUFFERED;
  const retryWaitMs = wait ? milliseconds(wait) : DEFAULT_RETRY_WAIT_MS;
  const maxRetries = retries ? parseGoInteger(retries, "ParseUint") : Number.POSITIVE_INFINITY;
  const isAsync = booleanOption(options, "fluentd-async", false);
  const reconnectMs = parseReconnect(options["fluentd-async-reconnect-interval"]);
  const hasSubSeconds = booleanOption(options, "fluentd-sub-second-precision", false);
  const asksForAck = booleanOption(options, "fluentd-request-ack", false);
  const writeTimeoutMs = timeout
    ? withPrefix("invalid value for fluentd-write-timeout: value must be a duration: ", () =>
        milliseconds(timeout),
      )
    : undefined;
  if (writeTimeoutMs !== undefined && writeTimeoutMs < 0) {
    throw new InvalidArgumentError(
      `invalid value for fluentd-write-timeout: value ("${timeout}") must be a positive duration`,
    );
  }
  return {
    target,
    isAsync,
    bufferedEvents,
    retryWaitMs,
    maxRetries,
    asksForAck,
    hasSubSeconds,
    ...(writeTimeoutMs ? { writeTimeoutMs } : {}),
    ...(reconnectMs === undefined ? {} : { reconnectMs }),
  };
}

function parseReconnect(text: string | undefined): number | undefined {
  if (!text) return undefined;
  const prefix = "invalid value for fluentd-async-reconnect-interval: ";
  const value = withPrefix(prefix, () => milliseconds(text));
  if (value !== 0 && (value < MIN_RECONNECT_MS || value > MAX_RECONNECT_MS)) {
    throw new InvalidArgumentError(
      `${prefix}value (${JSON.stringify(text)}) must be between 100ms and 10s`,
    );
  }
  return value === 0 ? undefined : value;
}

function parseTarget(text: string | undefined): StreamTarget {
  if (!text) return { kind: "tcp", host: DEFAULT_HOST, port: DEFAULT_PORT };
  const invalid = (reason: string): InvalidArgumentError =>
    new InvalidArgumentError(`invalid fluentd-address (${text}): ${reason}`);
  const { scheme, host, port, path } = tryAddress(text, invalid);
  switch (scheme) {
    case "unix":
      if (path === "" || path === "/") throw invalid("path is empty");
      return { kind: "unix", path };
    case "":
    case "tcp":
    case "tls":
      if (path !== "") throw invalid("should not contain a path element");
      return {
        kind: scheme === "tls" ? "tls" : "tcp",
        host: host || DEFAULT_HOST,
        port: parsePort(port, invalid),
        isChecked: true,
      };
    default:
      throw invalid(`unsupported scheme: '${scheme}'`);
  }
}

function tryAddress(
  text: string,
  invalid: (reason: string) => InvalidArgumentError,
): ReturnType<typeof parseAddress> {
  try {
    return parseAddress(text);
  } catch (error) {
    throw invalid(messageOf(error));
  }
}

function parsePort(text: string, invalid: (reason: string) => InvalidArgumentError): number {
  if (text === "") return DEFAULT_PORT;
  const port = Number(text);
  if (port > 65_535) {
    throw invalid(
      `invalid port: strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`,
    );
  }
  return port;
}

function milliseconds(text: string): number {
  return parseGoDuration(text) / 1_000_000;
}
