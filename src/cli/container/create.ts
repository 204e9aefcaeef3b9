import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { createContainer } from "./creation/create-container.ts";
import { createFlags } from "./creation/create-flags.ts";
import { planFromCommandLine } from "./creation/create-plan.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  args: atLeast(1),
  interspersed: false,
  completeArgs: ["images", []],
  flags: createFlags("creating"),
  async run(cli, invocation) {
    const plan = await planFromCommandLine(cli, invocation, false);
    const id = await createContainer(cli, plan, invocation.flags);
    cli.output.write(`${id}\n`);
    return 0;
  },
});
