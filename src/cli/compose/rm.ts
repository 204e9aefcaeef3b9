import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { confirm } from "#cli/output/confirm.ts";
import { inReverseOrder } from "#compose/act/by-dependency.ts";
import { meantContainers } from "#compose/act/each-container.ts";
import { removeContainer, stopOf } from "#compose/act/stop-containers.ts";
import { dryRun } from "./project/flags.ts";
import { actParts, nameAndProject } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    all: boolFlag("Deprecated - no effect", { short: "a", hidden: true }),
    "dry-run": dryRun,
    force: boolFlag("Don't ask to confirm removal", { short: "f" }),
    stop: boolFlag("Stop the containers, if required, before removing", { short: "s" }),
    volumes: boolFlag("Remove any anonymous volumes attached to containers", { short: "v" }),
  },
  async run(cli, { flags, args, groupFlags }) {
    const meant = { ...(await nameAndProject(cli, groupFlags)), services: args };
    using parts = await actParts(cli, groupFlags, flags);
    const all = await meantContainers(meant, parts);
    if (flags.stop) {
      await inReverseOrder(all, (container) => {
        const service = meant.project?.services.get(container.service);
        return parts.slots.run(() => stopOf(service, container, undefined, parts));
      });
    }
    const live = new Set(["running", "paused", "restarting"]);
    const stopped = flags.stop ? all : all.filter(({ state }) => !live.has(state));
    if (stopped.length === 0) {
      cli.errors.write("No stopped containers\n");
      return 0;
    }
    const names = stopped.map(({ name }) => name).join(", ");
    const said = `Going to remove ${names}`;
    if (flags.force) cli.output.write(`${said}\n`);
    else if (!(await confirm(cli, said))) return 0;
    await Promise.all(
      stopped.map((each) =>
        parts.slots.run(() => removeContainer(each, { withVolumes: flags.volumes }, parts)),
      ),
    );
    return 0;
  },
});
