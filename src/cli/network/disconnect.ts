import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] NETWORK CONTAINER",
  args: exactly(2),
  completeArgs: ["networks", "containers"],
  flags: { force: boolFlag("Force the container to disconnect from a network", { short: "f" }) },
  async run(cli, { flags, args: [network = "", container = ""] }) {
    const engine = await cli.engine();
    await engine.send("POST", `/networks/${encodeURIComponent(network)}/disconnect`, {
      json: { Container: container, Force: flags.force },
    });
    return 0;
  },
});
