import type { VolumeListResponse } from "@docker/node-sdk";
import { compareNaturally } from "#base/tables.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { listFormatHelp } from "#cli/output/format-help.ts";
import { writeList } from "#cli/output/list.ts";
import { volumeListFormat } from "#cli/volume/list-format.ts";
import { LABEL } from "#compose/labels.ts";
import { observeContainers } from "#compose/observe/observed.ts";
import { noSuchService } from "#compose/select-services.ts";
import { dryRun } from "./project/flags.ts";
import { nameAndProject } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    "dry-run": dryRun,
    format: stringFlag(listFormatHelp, { default: "table" }),
    quiet: boolFlag("Only display volume names", { short: "q" }),
  },
  async run(cli, { flags, args, groupFlags }) {
    const { projectName, project } = await nameAndProject(cli, groupFlags);
    for (const name of args) {
      if (project && !project.services.has(name)) throw noSuchService(project, name);
    }
    const engine = await cli.engine();
    const [answer, containers] = await Promise.all([
      engine.getJson<VolumeListResponse>("/volumes", {
        query: { filters: { label: [`${LABEL.project}=${projectName}`] } },
      }),
      observeContainers(engine, projectName, { withOneOffs: true }),
    ]);
    const mounted = new Set(
      containers
        .filter(({ service }) => args.includes(service))
        .flatMap(({ volumes }) => [...volumes.values()]),
    );
    const shown = (answer.Volumes ?? [])
      .filter(({ Name }) => args.length === 0 || mounted.has(Name))
      .sort((one, other) => compareNaturally(one.Name, other.Name));
    const list = volumeListFormat(false);
    writeList(cli, list, shown, flags.quiet ? "table" : flags.format, flags.quiet);
    return 0;
  },
});
