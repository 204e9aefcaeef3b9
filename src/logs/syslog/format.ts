import { formatRfc3339Date } from "#base/rfc3339.ts";
import type { LogAttributes, LogEntry } from "#logs/logs.ts";
import { lineOf } from "#logs/wire/parts.ts";

export type SyslogFormat = "" | "rfc3164" | "rfc5424" | "rfc5424micro";

const SEVERITIES = { stdout: 6, stderr: 3 } as const;
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
/** The enterprise number that is kept for documentation (RFC 5612): there is none of ours. */
const STRUCTURED_ID = "container@32473";

export interface SyslogSource {
  readonly format: SyslogFormat;
  readonly facility: number;
  readonly hostname: string;
  readonly tag: string;
  readonly pid: number;
  /** Become structured data in RFC 5424. */
  readonly attributes: LogAttributes;
}

/** One message, with a newline at its end. */
export function formatSyslog(source: SyslogSource, entry: LogEntry): Buffer {
  const priority = source.facility * 8 + SEVERITIES[entry.stream];
  const time = new Date(Number(entry.timeNanos / 1_000_000n));
  const head = `<${priority}>${headOf(source, time, entry.timeNanos)} `;
  return Buffer.concat([Buffer.from(head), lineOf(entry.bytes), Buffer.from("\n")]);
}

/** RFC 5425: with its length in front, for connections with TLS. */
export function frameWithLength(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${message.length} `), message]);
}

function headOf(source: SyslogSource, time: Date, timeNanos: bigint): string {
  const { hostname, tag, pid } = source;
  switch (source.format) {
    case "":
      return `${stamp(time)} ${tag}[${pid}]:`;
    case "rfc3164":
      return `${stamp(time)} ${hostname} ${tag}[${pid}]:`;
    case "rfc5424":
      return rfc5424(source, formatRfc3339Date(new Date(Math.floor(time.getTime() / 1000) * 1000)));
    case "rfc5424micro": {
      const micros = String((timeNanos / 1000n) % 1_000_000n).padStart(6, "0");
      return rfc5424(source, time.toISOString().replace(/\.\d+Z$/, `.${micros}Z`));
    }
  }
}

function rfc5424({ hostname, tag, pid, attributes }: SyslogSource, time: string): string {
  return `1 ${time} ${hostname} ${tag} ${pid} ${tag} ${structured(attributes)}`;
}

/** RFC 5424 section 6.3. */
function structured(attributes: LogAttributes): string {
  const pairs = Object.entries(attributes);
  if (pairs.length === 0) return "-";
  const items = pairs.map(([name, value]) => {
    const key = name.replace(/[^!#-<>-\\^-~]/g, "_").slice(0, 32);
    return ` ${key}="${value.replace(/["\\\]]/g, "\\$&")}"`;
  });
  return `[${STRUCTURED_ID}${items.join("")}]`;
}

/** Go's time.Stamp in UTC: `Jan  2 15:04:05`. */
function stamp(time: Date): string {
  const day = String(time.getUTCDate()).padStart(2, " ");
  return `${MONTHS[time.getUTCMonth()]} ${day} ${time.toISOString().slice(11, 19)}`;
}
