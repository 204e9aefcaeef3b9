import { between, type Command, defineCommand } from "#cli/command/command.ts";
import { commitContainer } from "#cli/container/commit.ts";
import { boolFlag, intFlag, listFlag, stringFlag } from "#cli/command/flags.ts";
import { runningContainers } from "#compose/act/service-container.ts";
import { dryRun } from "./project/flags.ts";
import { actParts, nameAndProject } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] SERVICE [REPOSITORY[:TAG]]",
  args: between(1, 2),
  flags: {
    author: stringFlag('Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")', {
      short: "a",
    }),
    change: listFlag("Apply Dockerfile instruction to the created image", { short: "c" }),
    "dry-run": dryRun,
    index: intFlag("index of the container if service has multiple replicas.", { type: "int" }),
    message: stringFlag("Commit message", { short: "m" }),
    pause: boolFlag("Pause container during commit", { short: "p", default: true }),
  },
  async run(cli, { flags, args, groupFlags }) {
    const [service = "", reference = ""] = args;
    const { projectName } = await nameAndProject(cli, groupFlags);
    using parts = await actParts(cli, groupFlags, flags);
    const { index } = flags;
    const [container] = await runningContainers(projectName, service, parts, { index });
    if (!container) return 0;
    const { name, id } = container;
    const report = (status: string): void =>
      parts.onProgress({ kind: "Task", name, status: `Commit ${name} ${status}` });
    report("Committing");
    if (parts.isDryRun) {
      report("Committed");
      return 0;
    }
    report(`Committed as ${await commitContainer(await cli.engine(), id, reference, flags)}`);
    return 0;
  },
});
