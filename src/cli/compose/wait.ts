import type { ContainerWaitResponse } from "@docker/node-sdk";
import { NotFoundError } from "#base/errors.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { takeDown } from "#compose/act/down.ts";
import { observeContainers } from "#compose/observe/observed.ts";
import { dryRun } from "./project/flags.ts";
import { activeProfiles, actParts, nameAndProject } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "SERVICE [SERVICE...] [OPTIONS]",
  args: atLeast(1),
  flags: {
    "down-project": boolFlag("Drops project when the first container stops"),
    "dry-run": dryRun,
  },
  async run(cli, { flags, args, groupFlags }) {
    const { projectName, project } = await nameAndProject(cli, groupFlags);
    using parts = await actParts(cli, groupFlags, flags);
    const all = await observeContainers(parts.engine, projectName, { withOneOffs: true });
    const waited = all
      .filter(({ service }) => args.includes(service))
      .filter(({ state }) => state === "running" || state === "paused");
    if (waited.length === 0) {
      throw new NotFoundError(`no containers for project ${JSON.stringify(projectName)}`);
    }
    if (parts.isDryRun) return 0;
    const stop = new AbortController();
    let exitCode = 0;
    const ends = waited.map(async ({ id }) => {
      const { StatusCode } = await parts.engine.postJson<ContainerWaitResponse>(
        `/containers/${id}/wait`,
        { signal: stop.signal },
      );
      cli.output.write(`container ${JSON.stringify(id)} exited with status code ${StatusCode}\n`);
      exitCode = StatusCode;
    });
    if (!flags["down-project"]) {
      await Promise.all(ends);
      return exitCode;
    }
    await Promise.race(ends);
    const first = exitCode;
    stop.abort();
    await Promise.allSettled(ends);
    await takeDown(
      {
        projectName,
        project,
        services: [],
        profiles: activeProfiles(cli, groupFlags, project),
        removesOrphans: true,
        withVolumes: false,
        images: "none",
        timeoutSeconds: undefined,
      },
      parts,
    );
    return first;
  },
});
