import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { command as containerExport } from "#cli/container/export.ts";
import { intFlag, stringFlag } from "#cli/command/flags.ts";
import { runningContainers } from "#compose/act/service-container.ts";
import { dryRun } from "./project/flags.ts";
import { actParts, nameAndProject } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] SERVICE",
  args: atLeast(1),
  flags: {
    "dry-run": dryRun,
    index: intFlag("index of the container if service has multiple replicas.", { type: "int" }),
    output: stringFlag("Write to a file, instead of STDOUT", { short: "o", complete: "files" }),
  },
  async run(cli, invocation) {
    const { flags, args, groupFlags } = invocation;
    const [service = ""] = args;
    const { projectName } = await nameAndProject(cli, groupFlags);
    using parts = await actParts(cli, groupFlags, flags);
    const { index, output } = flags;
    const [container] = await runningContainers(projectName, service, parts, { index });
    if (!container) return 0;
    const { name, id } = container;
    const report = (status: string): void =>
      parts.onProgress({ kind: "Task", name, status: `export ${name} to ${output} ${status}` });
    report("Exporting");
    if (!parts.isDryRun) {
      await containerExport.run(cli, { ...invocation, args: [id], flags: { output } });
    }
    report("Exported");
    return 0;
  },
});
