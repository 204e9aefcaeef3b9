import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { intFlag } from "#cli/command/flags.ts";
import { pluginPath } from "./plugin-path.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] PLUGIN",
  args: exactly(1),
  completeArgs: ["plugins"],
  flags: { timeout: intFlag("HTTP client timeout (in seconds)", { default: 30 }) },
  async run(cli, { flags, args }) {
    const [name = ""] = args;
    if (flags.timeout < 0) {
      throw new InvalidArgumentError(`negative timeout ${flags.timeout} is invalid`);
    }
    const engine = await cli.engine();
    await engine.send("POST", pluginPath(name, "/enable"), { query: { timeout: flags.timeout } });
    cli.output.write(`${name}\n`);
    return 0;
  },
});
