import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { pluginPath } from "./plugin-path.ts";

export const command: Command = defineCommand({
  usage: "PLUGIN KEY=VALUE [KEY=VALUE...]",
  args: atLeast(2),
  completeArgs: ["plugins"],
  flags: {},
  async run(cli, { args }) {
    const [name = "", ...settings] = args;
    const engine = await cli.engine();
    await engine.send("POST", pluginPath(name, "/set"), { json: settings });
    return 0;
  },
});
