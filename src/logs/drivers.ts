import { join } from "node:path";
import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import { readConmonFile, type ReadClock } from "./conmon-file/read.ts";
import type { LogDriver, Logs } from "./logs.ts";

/** Options of Docker's drivers; those of rotation are known and refused until there is rotation. */
const LABEL_OPTIONS = ["labels", "labels-regex", "env", "env-regex", "tag"] as const;
const ROTATION_OPTIONS = ["max-size", "max-file", "compress"] as const;

interface DriverRow {
  readonly isReadable: boolean;
  readonly options: readonly string[];
}

const ROWS: Readonly<Record<string, DriverRow>> = {
  "json-file": { isReadable: true, options: LABEL_OPTIONS },
  local: { isReadable: true, options: LABEL_OPTIONS },
  none: { isReadable: false, options: [] },
};

/** Docker's drivers that this engine does not have yet: named, so that the refusal is no riddle. */
const LATER = ["awslogs", "fluentd", "gcplogs", "gelf", "journald", "splunk", "syslog"];

export function createLogs(clock: ReadClock): Logs {
  return {
    names: Object.keys(ROWS),
    driver: (name) => conmonDriver(name, rowOf(name), clock),
    validate: (name, options) => {
      const row = rowOf(name);
      for (const option of Object.keys(options)) checkOption(name, row, option);
    },
  };
}

function rowOf(name: string): DriverRow {
  const row = ROWS[name];
  if (row) return row;
  if (LATER.includes(name)) {
    throw new UnsupportedError(
      `log driver ${name} is not supported by this version: use json-file, local or none`,
    );
  }
  throw new InvalidArgumentError(
    `logger: no log driver named '${name}' is registered: use json-file, local or none`,
  );
}

function checkOption(driver: string, row: DriverRow, option: string): void {
  if (row.options.includes(option)) return;
  // Every driver of Docker takes these two; blocking is what conmon does.
  if (option === "mode" || option === "max-buffer-size") return;
  if (driver !== "none" && ROTATION_OPTIONS.some((known) => known === option)) {
    throw new UnsupportedError(
      `log option ${option} is not supported by this version: the log of a container is kept whole until the container is removed`,
    );
  }
  throw new InvalidArgumentError(`unknown log opt '${option}' for ${driver} log driver`);
}

function conmonDriver(name: string, row: DriverRow, clock: ReadClock): LogDriver {
  const pathIn = (directory: string) => join(directory, "container.log");
  return {
    name,
    captureTarget: (directory) => (row.isReadable ? `k8s-file:${pathIn(directory)}` : "none"),
    // The file is in conmon's format: showing it as LogPath would promise Docker's JSON lines.
    filePath: () => "",
    read: (directory, request, signal) => {
      if (!row.isReadable) {
        throw new UnsupportedError("configured logging driver does not support reading");
      }
      return readConmonFile(pathIn(directory), request, clock, signal);
    },
  };
}
