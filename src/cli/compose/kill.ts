import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { eachContainer, meantContainers } from "#compose/act/each-container.ts";
import { removeContainer } from "#compose/act/stop-containers.ts";
import { observeContainers } from "#compose/observe/observed.ts";
import { dryRun } from "./project/flags.ts";
import { actParts, nameAndProject } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    "dry-run": dryRun,
    "remove-orphans": boolFlag("Remove containers for services not defined in the Compose file"),
    signal: stringFlag("SIGNAL to send to the container", { short: "s", default: "SIGKILL" }),
  },
  async run(cli, { flags, args, groupFlags }) {
    const meant = { ...(await nameAndProject(cli, groupFlags)), services: args };
    using parts = await actParts(cli, groupFlags, flags);
    const all = await meantContainers(meant, parts, { withOneOffs: true });
    const running = all.filter(({ state }) => state === "running" || state === "paused");
    if (running.length === 0) cli.errors.write("no container to kill\n");
    await eachContainer(running, parts, ["Killing", "Killed"], ({ id }) =>
      parts.engine.send("POST", `/containers/${id}/kill`, { query: { signal: flags.signal } }),
    );
    const { project, projectName } = meant;
    if (!flags["remove-orphans"] || !project) return 0;
    const others = await observeContainers(parts.engine, projectName, { withOneOffs: false });
    const orphans = others.filter(({ service }) => !project.services.has(service));
    await Promise.all(orphans.map((each) => removeContainer(each, { withVolumes: false }, parts)));
    return 0;
  },
});
