import {
  boolFlag,
  type Flag,
  type FlagTable,
  intFlag,
  listFlag,
  stringFlag,
} from "#cli/command/flags.ts";

const list = { type: "stringArray", defaultText: "[]" } as const;

/** May stand before or behind the command. */
export const dryRun: Flag<boolean> = boolFlag("Execute command in dry run mode");

/** Flags between `compose` and the command. */
export const projectFlags: FlagTable = {
  "all-resources": boolFlag("Include all resources, even those not used by services"),
  ansi: stringFlag('Control when to print ANSI control characters ("never"|"always"|"auto")', {
    default: "auto",
    complete: ["never", "always", "auto"],
  }),
  compatibility: boolFlag("Run compose in backward compatibility mode"),
  "dry-run": dryRun,
  "env-file": listFlag("Specify an alternate environment file", { ...list, complete: "files" }),
  file: listFlag("Compose configuration files", { ...list, short: "f", complete: "files" }),
  "insecure-registry": listFlag("Use insecure registry", { ...list, hidden: true }),
  "no-ansi": boolFlag("Do not print ANSI control characters", { hidden: true }),
  parallel: intFlag("Control max parallelism, -1 for unlimited", { default: -1, type: "int" }),
  profile: listFlag("Specify a profile to enable", list),
  progress: stringFlag("Set type of progress output (auto, tty, plain, json, quiet)", {
    complete: ["auto", "tty", "plain", "json", "quiet"],
  }),
  "project-directory": stringFlag(
    "Specify an alternate working directory\n(default: the path of the, first specified, Compose file)",
    { complete: "files" },
  ),
  "project-name": stringFlag("Project name", { short: "p" }),
  verbose: boolFlag("Show more output", { hidden: true }),
  version: boolFlag("Show the Docker Compose version information", { short: "v", hidden: true }),
  workdir: stringFlag("Specify an alternate working directory", { hidden: true }),
};
