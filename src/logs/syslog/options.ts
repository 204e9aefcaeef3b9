import { readFileSync, statSync } from "node:fs";
import { FailedPreconditionError, InvalidArgumentError, messageOf } from "#base/errors.ts";
import type { LogOptions } from "#logs/logs.ts";
import { parseAddress } from "#logs/wire/address.ts";
import type { StreamTarget } from "#logs/wire/stream-connection.ts";
import type { SyslogFormat } from "./format.ts";

export const SYSLOG_OPTIONS = [
  "syslog-address",
  "syslog-facility",
  "syslog-format",
  "syslog-tls-ca-cert",
  "syslog-tls-cert",
  "syslog-tls-key",
  "syslog-tls-skip-verify",
] as const;

const DEFAULT_PORT = 514;
const DAEMON = 3;
const FACILITIES = [
  ...[
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
  ],
];
/** Numbers 12 to 15 have no name in Docker's table. */
const FIRST_LOCAL = 16;
const LOCALS = 8;

export type SyslogTarget =
  /** The first of the host's own sockets that is there. */
  | { readonly kind: "local" }
  | { readonly kind: "unixgram"; readonly path: string }
  | { readonly kind: "udp"; readonly host: string; readonly port: number }
  | StreamTarget;

/** @throws {InvalidArgumentError} In Docker's words. */
export function parseFacility(text: string | undefined): number {
  if (text === undefined || text === "") return DAEMON;
  const named = FACILITIES.indexOf(text);
  if (named >= 0) return named;
  const local = /^local([0-7])$/.exec(text);
  if (local) return FIRST_LOCAL + Number(local[1]);
  if (/^\d{1,2}$/.test(text)) {
    const number = Number(text);
    const isKnown =
      number < FACILITIES.length || (number >= FIRST_LOCAL && number < FIRST_LOCAL + LOCALS);
    if (isKnown) return number;
  }
  throw new InvalidArgumentError("invalid syslog facility");
}

/** @throws {InvalidArgumentError} In Docker's words. */
export function parseFormat(text: string | undefined): SyslogFormat {
  switch (text) {
    case undefined:
    case "":
      return "";
    case "rfc3164":
    case "rfc5424":
    case "rfc5424micro":
      return text;
    default:
      throw new InvalidArgumentError("Invalid syslog format");
  }
}

/** @throws {InvalidArgumentError} In Docker's words. */
export function parseTarget(options: LogOptions): SyslogTarget {
  const text = options["syslog-address"];
  if (text === undefined || text === "") return { kind: "local" };
  // Without `://` Go takes what there is for a path.
  if (!text.includes("://")) throw new InvalidArgumentError("unsupported scheme: ''");
  const { scheme, host, port, path } = parseAddress(text);
  switch (scheme) {
    case "unix":
    case "unixgram":
      checkThere(path);
      return { kind: scheme, path };
    case "udp":
    case "tcp":
      return { kind: scheme, host, port: Number(port || DEFAULT_PORT) };
    case "tcp+tls":
      return {
        kind: "tls",
        host,
        port: Number(port || DEFAULT_PORT),
        isChecked:
          options["syslog-tls-skip-verify"] === undefined ||
          options["syslog-tls-skip-verify"] === "",
      };
    default:
      throw new InvalidArgumentError(`unsupported scheme: '${scheme}'`);
  }
}

/**
 * Of a target with TLS, with its files read.
 *
 * @throws {FailedPreconditionError} A file that cannot be read.
 */
export function withTlsFiles(target: StreamTarget, options: LogOptions): StreamTarget {
  if (target.kind !== "tls") return target;
  const files = {
    ca: options["syslog-tls-ca-cert"],
    cert: options["syslog-tls-cert"],
    key: options["syslog-tls-key"],
  };
  const read = Object.entries(files).filter((entry): entry is [string, string] =>
    Boolean(entry[1]),
  );
  return { ...target, ...Object.fromEntries(read.map(([name, path]) => [name, readText(path)])) };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new FailedPreconditionError(`could not read ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function checkThere(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })) return;
  throw new InvalidArgumentError(`stat ${path}: no such file or directory`);
}
