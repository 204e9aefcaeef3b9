import { InvalidArgumentError } from "#base/errors.ts";
import { formatTable } from "#base/tables.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, filterFlag, stringFlag } from "#cli/command/flags.ts";
import { LABEL } from "#compose/labels.ts";
import { observeContainers, type ObservedContainer } from "#compose/observe/observed.ts";
import { dryRun } from "./project/flags.ts";

interface ListedProject {
  readonly Name: string;
  /** `running(2), exited(1)`. */
  readonly Status: string;
  readonly ConfigFiles: string;
}

const LIVE = ["running", "restarting", "paused"];

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    all: boolFlag("Show all stopped Compose projects", { short: "a" }),
    "dry-run": dryRun,
    filter: filterFlag("Filter output based on conditions provided"),
    format: stringFlag("Format the output. Values: [table | json]", {
      default: "table",
      complete: ["table", "json"],
    }),
    quiet: boolFlag("Only display project names", { short: "q" }),
  },
  async run(cli, { flags }) {
    const { format } = flags;
    if (format !== "table" && format !== "json") {
      throw new InvalidArgumentError(
        `format value ${JSON.stringify(format)} could not be parsed: want table or json`,
      );
    }
    const unknown = Object.keys(flags.filter).find((key) => key !== "name");
    if (unknown !== undefined) throw new InvalidArgumentError(`invalid filter '${unknown}'`);
    const names = flags.filter["name"] ?? [];
    const containers = await observeContainers(await cli.engine(), undefined, {
      withOneOffs: false,
    });
    const projects = listProjects(containers, flags.all).filter(
      ({ Name }) => names.length === 0 || names.some((name) => isMatch(Name, name)),
    );
    if (flags.quiet) cli.output.write(projects.map(({ Name }) => `${Name}\n`).join(""));
    else if (format === "json") cli.output.write(`${JSON.stringify(projects)}\n`);
    else {
      const rows = projects.map(({ Name, Status, ConfigFiles }) => [Name, Status, ConfigFiles]);
      cli.output.write(formatTable(["NAME", "STATUS", "CONFIG FILES"], rows, { minCellWidth: 20 }));
    }
    return 0;
  },
});

/** @param pattern A part of the name, or a regular expression. */
function isMatch(name: string, pattern: string): boolean {
  if (name.includes(pattern)) return true;
  try {
    return new RegExp(pattern).test(name);
  } catch {
    return false; // no expression: a name that is not there
  }
}

/** Projects by name, each with how many of its containers are in which state. */
function listProjects(
  containers: readonly ObservedContainer[],
  withStopped: boolean,
): readonly ListedProject[] {
  const projects = new Map<string, ObservedContainer[]>();
  for (const container of containers) {
    const name = container.labels[LABEL.project] ?? "";
    projects.set(name, [...(projects.get(name) ?? []), container]);
  }
  return [...projects.keys()].toSorted().flatMap((Name): ListedProject[] => {
    const own = projects.get(Name) ?? [];
    const shown = withStopped ? own : own.filter(({ state }) => LIVE.includes(state));
    if (shown.length === 0) return [];
    const states = [...new Set(shown.map(({ state }) => state))].toSorted();
    const counts = states.map(
      (state) => `${state}(${shown.filter((each) => each.state === state).length})`,
    );
    const files = new Set(
      own.flatMap(({ labels }) => (labels[LABEL.configFiles] ?? "").split(",")),
    );
    return [{ Name, Status: counts.join(", "), ConfigFiles: [...files].join(",") }];
  });
}
