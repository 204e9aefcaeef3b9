import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { Failures } from "#cli/output/failures.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { pluginPath } from "./plugin-path.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] PLUGIN [PLUGIN...]",
  args: atLeast(1),
  completeArgs: ["plugins"],
  flags: { force: boolFlag("Force the removal of an active plugin", { short: "f" }) },
  async run(cli, { flags, args }) {
    const engine = await cli.engine();
    const failures = new Failures();
    for (const name of args) {
      try {
        await engine.send("DELETE", pluginPath(name), {
          query: { force: flags.force || undefined },
        });
        cli.output.write(`${name}\n`);
      } catch (error) {
        failures.add(error);
      }
    }
    failures.throwIfAny();
    return 0;
  },
});
