import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { pluginPath } from "./plugin-path.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] PLUGIN",
  args: exactly(1),
  completeArgs: ["plugins"],
  flags: { force: boolFlag("Force the disable of an active plugin", { short: "f" }) },
  async run(cli, { flags, args }) {
    const [name = ""] = args;
    const engine = await cli.engine();
    await engine.send("POST", pluginPath(name, "/disable"), {
      query: { force: flags.force || undefined },
    });
    cli.output.write(`${name}\n`);
    return 0;
  },
});
