import { wrapText } from "#base/wrap-text.ts";
import { DAEMON_OPTIONS, type DaemonOption } from "./options.ts";

const KIND_WORDS: Readonly<Record<DaemonOption["kind"], string>> = {
  boolean: "",
  string: "string",
  integer: "int",
  bytes: "bytes",
  list: "list",
  map: "map",
  maps: "map",
  pools: "pool-options",
  runtimes: "runtime",
  ulimits: "ulimit",
  object: "map",
};

const TEXT_COLUMN = 44;

function helpLine(option: DaemonOption, width: number): string {
  const short = option.shorthand === undefined ? "    " : `-${option.shorthand}, `;
  const left = `  ${short}--${option.flag} ${KIND_WORDS[option.kind]}`;
  const shown = option.shownDefault === undefined ? "" : ` (default ${option.shownDefault})`;
  const note = option.effect === "none" ? " (no effect yet)" : "";
  const text = wrapText(`${option.summary}${shown}${note}`, TEXT_COLUMN, width - 1);
  return `${left.padEnd(TEXT_COLUMN)}${text}`;
}

/** The text of `wharf daemon --help`. @param width Columns of the terminal. */
export function daemonHelp(width: number): string {
  const lines = DAEMON_OPTIONS.filter((option) => option.flag !== undefined)
    .toSorted((left, right) => ((left.flag ?? "") < (right.flag ?? "") ? -1 : 1))
    .map((option) => helpLine(option, width));
  return [
    "",
    "Usage:  wharf daemon [OPTIONS]",
    "",
    "The engine: runs containers and serves the Docker Engine API",
    "",
    "Options:",
    ...lines,
    "",
    "Every option but --config-file, --help, --validate and --version may stand in",
    "the configuration file instead (daemon.json with docker's keys). SIGHUP reads it",
    "again.",
    "",
  ].join("\n");
}
