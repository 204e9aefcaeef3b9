import { writeSync } from "node:fs";
import type { ApiLog, LogFields } from "#api/log.ts";
import type { LogLevel } from "./config/engine-config.ts";

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const STDERR = 2;

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  readonly nowMs: () => number;
  /** Takes one line with its end; stderr when absent. */
  readonly write?: (line: string) => void;
}

function quote(text: string): string {
  return /^[A-Za-z0-9_./:@+-]+$/.test(text) ? text : JSON.stringify(text);
}

/** One line as dockerd writes it: `time="…" level=info msg="…" container=ab12`. */
export function formatLogLine(
  time: string,
  level: string,
  message: string,
  fields: LogFields,
  format: "text" | "json",
): string {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  if (format === "json") {
    return JSON.stringify({ ...Object.fromEntries(known), level, msg: message, time });
  }
  const rest = known.map(([name, value]) => ` ${name}=${quote(String(value))}`).join("");
  return `time="${time}" level=${level} msg=${quote(message)}${rest}`;
}

/** The daemon's own log. */
export class Logger implements ApiLog {
  readonly #options: LoggerOptions;
  #level: LogLevel;

  constructor(options: LoggerOptions) {
    this.#options = options;
    this.#level = options.level;
  }

  get level(): LogLevel {
    return this.#level;
  }

  get isDebug(): boolean {
    return this.#level === "debug";
  }

  /** SIGHUP may change it. */
  setLevel(level: LogLevel): void {
    this.#level = level;
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#log("debug", message, fields);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#log("info", message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#log("warn", message, fields);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#log("error", message, fields);
  }

  #log(level: LogLevel, message: string, fields: LogFields): void {
    if (RANKS[level] < RANKS[this.#level]) return;
    const word = level === "warn" ? "warning" : level;
    const time = new Date(this.#options.nowMs()).toISOString();
    const line = `${formatLogLine(time, word, message, fields, this.#options.format)}\n`;
    if (this.#options.write) this.#options.write(line);
    else writeStderr(line);
  }
}

/** Synchronous, so that the last words of a daemon that ends are not lost; a closed stderr is no reason to end. */
function writeStderr(line: string): void {
  try {
    writeSync(STDERR, line);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EPIPE" && code !== "EAGAIN" && code !== "EIO") throw error;
  }
}
