import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag, intFlag, stringFlag } from "#cli/command/flags.ts";
import { apiTimestamp } from "#cli/output/texts.ts";
import { observeContainers } from "#compose/observe/observed.ts";
import { noSuchService } from "#compose/select-services.ts";
import { LogPrinter, shortName } from "./output/log-lines.ts";
import { dryRun } from "./project/flags.ts";
import { nameAndProject } from "./project/surroundings.ts";
import { hasColours } from "./output/ansi.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    "dry-run": dryRun,
    follow: boolFlag("Follow log output", { short: "f" }),
    index: intFlag("index of the container if service has multiple replicas", { type: "int" }),
    "no-color": boolFlag("Produce monochrome output"),
    "no-log-prefix": boolFlag("Don't print prefix in logs"),
    since: stringFlag(
      "Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)",
    ),
    tail: stringFlag("Number of lines to show from the end of the logs for each container", {
      short: "n",
      default: "all",
    }),
    timestamps: boolFlag("Show timestamps", { short: "t" }),
    until: stringFlag(
      "Show logs before a timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)",
    ),
  },
  async run(cli, { flags, args, groupFlags }) {
    const { projectName, project } = await nameAndProject(cli, groupFlags);
    for (const name of args) {
      if (project && !project.services.has(name)) throw noSuchService(project, name);
    }
    const engine = await cli.engine();
    const containers = await observeContainers(engine, projectName, { withOneOffs: false });
    const shown = containers
      .filter(({ service }) => args.length === 0 || args.includes(service))
      .filter(({ number }) => flags.index === 0 || number === flags.index);
    const printer = new LogPrinter(engine, cli.output, cli.errors, {
      isColoured: hasColours(cli, groupFlags, flags["no-color"]),
      hasPrefix: !flags["no-log-prefix"],
    });
    const sources = shown.map(({ id, name }) => ({ id, label: shortName(projectName, name) }));
    printer.announce(sources.map(({ label }) => label));
    const since = timeOf(cli, "since", flags.since);
    const until = timeOf(cli, "until", flags.until);
    const query = {
      follow: flags.follow,
      tail: flags.tail,
      timestamps: flags.timestamps,
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
    };
    if (flags.follow) {
      await Promise.all(sources.map((source) => printer.print(source, query)));
    } else {
      // one after the other: what is not followed is read, not watched
      for (const source of sources) await printer.print(source, query);
    }
    return 0;
  },
});

function timeOf(cli: Cli, flag: string, text: string): string | undefined {
  if (text === "") return undefined;
  try {
    return apiTimestamp(text, cli.now());
  } catch (error) {
    const why = messageOf(error);
    throw new InvalidArgumentError(`invalid value for ${JSON.stringify(flag)}: ${why}`, {
      cause: error,
    });
  }
}
