import { messageOf } from "#base/errors.ts";
import { type Command, atLeast, defineCommand } from "#cli/command.ts";
import { ExitError } from "#cli/exit-error.ts";
import { boolFlag } from "#cli/flags.ts";
import { pluginPath } from "./plugin-path.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] PLUGIN [PLUGIN...]",
  args: atLeast(1),
  completeArgs: ["plugins"],
  flags: { force: boolFlag("Force the removal of an active plugin", { short: "f" }) },
  async run(cli, { flags, args }) {
    const engine = await cli.engine();
    const failures: string[] = [];
    for (const name of args) {
      try {
        await engine.send("DELETE", pluginPath(name), {
          query: { force: flags.force || undefined },
        });
        cli.output.write(`${name}\n`);
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    if (failures.length > 0) throw new ExitError(failures.join("\n"), 1);
    return 0;
  },
});
