import { DAEMON_OPTIONS, type DaemonOption } from "./options.ts";

const KIND_WORDS: Readonly<Record<DaemonOption["kind"], string>> = {
  boolean: "",
  string: "string",
  integer: "int",
  bytes: "bytes",
  list: "list",
  map: "map",
  pools: "pool-options",
  runtimes: "runtime",
  ulimits: "ulimit",
  object: "map",
};

function helpLine(option: DaemonOption): string {
  const short = option.shorthand === undefined ? "    " : `-${option.shorthand}, `;
  const left = `  ${short}--${option.flag} ${KIND_WORDS[option.kind]}`;
  const shown = option.shownDefault === undefined ? "" : ` (default ${option.shownDefault})`;
  const note = option.effect === "none" ? " (no effect yet)" : "";
  return `${left.padEnd(44)}${option.summary}${shown}${note}`;
}

/** The text of `wharf daemon --help`. */
export function daemonHelp(): string {
  const lines = DAEMON_OPTIONS.filter((option) => option.flag !== undefined)
    .toSorted((left, right) => ((left.flag ?? "") < (right.flag ?? "") ? -1 : 1))
    .map(helpLine);
  return [
    "",
    "Usage:  wharf daemon [OPTIONS]",
    "",
    "The engine: runs containers and serves the Docker Engine API",
    "",
    "Options:",
    ...lines,
    "",
    "Every option but --config-file, --help, --validate and --version may stand in the",
    "configuration file instead (daemon.json with docker's keys). SIGHUP reads it again.",
    "",
  ].join("\n");
}
