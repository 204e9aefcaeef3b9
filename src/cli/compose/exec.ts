import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { command as containerExec } from "#cli/container/exec.ts";
import { boolFlag, intFlag, listFlag, stringFlag } from "#cli/command/flags.ts";
import { runningContainers } from "#compose/act/service-container.ts";
import { checkTerminal, terminalFlags, wantsTerminal } from "./one-off/terminal.ts";
import { dryRun } from "./project/flags.ts";
import { actParts, nameAndProject } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] SERVICE COMMAND [ARGS...]",
  args: atLeast(2),
  interspersed: false,
  flags: {
    detach: boolFlag("Detached mode: Run command in the background", { short: "d" }),
    "dry-run": dryRun,
    env: listFlag("Set environment variables", { type: "stringArray", short: "e" }),
    index: intFlag("Index of the container if service has multiple replicas", { type: "int" }),
    interactive: boolFlag("Keep STDIN open even if not attached", {
      short: "i",
      hidden: true,
      default: true,
    }),
    ...terminalFlags(
      "Disable pseudo-TTY allocation. By default 'wharf compose exec' allocates a TTY.",
    ),
    privileged: boolFlag("Give extended privileges to the process"),
    user: stringFlag("Run the command as this user", { short: "u" }),
    workdir: stringFlag("Path to workdir directory for this command", { short: "w" }),
  },
  async run(cli, invocation) {
    const { flags, args, groupFlags, isSet } = invocation;
    const [service = "", ...words] = args;
    const { projectName } = await nameAndProject(cli, groupFlags);
    using parts = await actParts(cli, groupFlags, flags);
    const { index } = flags;
    const [container] = await runningContainers(projectName, service, parts, { index });
    if (parts.isDryRun || !container) return 0;
    const hasTerminal = wantsTerminal(cli, flags, isSet) && !flags.detach;
    const isInteractive = isSet("interactive") ? flags.interactive : true;
    checkTerminal(cli, { hasTerminal, isInteractive: isInteractive && !flags.detach });
    return await containerExec.run(cli, {
      ...invocation,
      args: [container.id, ...words],
      flags: {
        detach: flags.detach,
        "detach-keys": "",
        env: flags.env,
        "env-file": [],
        interactive: isInteractive,
        privileged: flags.privileged,
        tty: hasTerminal,
        user: flags.user,
        workdir: flags.workdir,
      },
    });
  },
});
