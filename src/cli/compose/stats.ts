import { between, type Command, defineCommand } from "#cli/command/command.ts";
import { command as containerStats } from "#cli/container/stats.ts";
import { statsListFormat } from "#cli/container/stats/format.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { listFormatHelp } from "#cli/output/format-help.ts";
import { chooseFormat, writeList } from "#cli/output/list.ts";
import { observeContainers } from "#compose/observe/observed.ts";
import { dryRun } from "./project/flags.ts";
import { nameAndProject } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE]",
  args: between(0, 1),
  flags: {
    all: boolFlag("Show all containers (default shows just running)", { short: "a" }),
    "dry-run": dryRun,
    format: stringFlag(listFormatHelp),
    "no-stream": boolFlag("Disable streaming stats and only pull the first result"),
    "no-trunc": boolFlag("Do not truncate output"),
  },
  async run(cli, invocation) {
    const { flags, args, groupFlags } = invocation;
    const { projectName } = await nameAndProject(cli, groupFlags);
    const all = await observeContainers(await cli.engine(), projectName, { withOneOffs: true });
    const ids = all
      .filter(({ service }) => args.length === 0 || args.includes(service))
      .filter(({ state }) => flags.all || state === "running" || state === "paused")
      .toSorted((left, right) => (left.name < right.name ? -1 : 1))
      .map(({ id }) => id);
    if (ids.length === 0) {
      const list = statsListFormat(!flags["no-trunc"]);
      writeList(cli, list, [], chooseFormat(cli, list, flags));
      return 0;
    }
    return await containerStats.run(cli, { ...invocation, args: ids });
  },
});
