import type { ContainerTopResponse } from "@docker/node-sdk";
import { formatTabbed } from "#base/tables.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { observeContainers } from "#compose/observe/observed.ts";
import { dryRun } from "./project/flags.ts";
import { nameAndProject } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[SERVICES...]",
  args: atLeast(0),
  flags: { "dry-run": dryRun },
  async run(cli, { args, groupFlags }) {
    const { projectName } = await nameAndProject(cli, groupFlags);
    const engine = await cli.engine();
    const all = await observeContainers(engine, projectName, { withOneOffs: true });
    const running = all
      .filter(({ state }) => state === "running" || state === "paused")
      .filter(({ service }) => args.length === 0 || args.includes(service))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1));
    const tops = await Promise.all(
      running.map(async ({ id, service, number }) => {
        const { Titles, Processes } = await engine.getJson<ContainerTopResponse>(
          `/containers/${id}/top`,
        );
        // a container of `run` has no number
        const place = [service, number > 0 ? String(number) : "-"];
        return { titles: Titles ?? [], rows: (Processes ?? []).map((row) => [...place, ...row]) };
      }),
    );
    const [first] = tops;
    if (!first) return 0;
    const lines = [["SERVICE", "#", ...first.titles], ...tops.flatMap(({ rows }) => rows)];
    const text = lines.map((line) => `${line.join("\t")}\n`).join("");
    cli.output.write(formatTabbed(text, { minCellWidth: 4, padding: 2 }));
    return 0;
  },
});
