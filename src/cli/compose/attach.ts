import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { command as containerAttach } from "#cli/container/attach.ts";
import { boolFlag, intFlag, stringFlag } from "#cli/command/flags.ts";
import { runningContainers } from "#compose/act/service-container.ts";
import { dryRun } from "./project/flags.ts";
import { actParts, nameAndProject } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] SERVICE",
  args: atLeast(1),
  flags: {
    "detach-keys": stringFlag("Override the key sequence for detaching from a container."),
    "dry-run": dryRun,
    index: intFlag("index of the container if service has multiple replicas.", { type: "int" }),
    "no-stdin": boolFlag("Do not attach STDIN"),
    "sig-proxy": boolFlag("Proxy all received signals to the process", { default: true }),
  },
  async run(cli, invocation) {
    const { flags, args, groupFlags } = invocation;
    const [service = ""] = args;
    const { projectName } = await nameAndProject(cli, groupFlags);
    using parts = await actParts(cli, groupFlags, flags);
    const { index } = flags;
    const [container] = await runningContainers(projectName, service, parts, { index });
    if (parts.isDryRun || !container) return 0;
    return await containerAttach.run(cli, {
      ...invocation,
      args: [container.id],
      flags: {
        "detach-keys": flags["detach-keys"],
        "no-stdin": flags["no-stdin"],
        "sig-proxy": flags["sig-proxy"],
      },
    });
  },
});
